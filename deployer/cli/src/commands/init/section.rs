//! A part of wrangler's configuration from which settings are taken one by one, so that what nobody took can be named.

use serde_json::{Map, Value};

/// An object of the configuration.
#[derive(Debug, Default)]
pub(super) struct Section {
    values: Map<String, Value>,
    /// Paths of what was looked at and could not be taken.
    left: Vec<String>,
}

/// A value of one kind; anything else stays where it is.
pub(super) trait Fits: Sized {
    fn fit(value: &Value) -> Option<Self>;
}

impl Fits for String {
    fn fit(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Fits for bool {
    fn fit(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Fits for u32 {
    fn fit(value: &Value) -> Option<Self> {
        let whole = value.as_u64().or_else(|| {
            let number = value.as_f64()?;
            // `50.0` is written for 50 as well.
            (number >= 0.0 && number.fract() == 0.0).then(|| format!("{number:.0}").parse().ok())?
        });
        u32::try_from(whole?).ok()
    }
}

impl Fits for f64 {
    fn fit(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

impl Fits for Value {
    fn fit(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl Fits for Vec<String> {
    fn fit(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(String::fit).collect()
    }
}

impl Section {
    pub(super) fn new(values: Map<String, Value>) -> Self {
        Self {
            values,
            left: Vec::new(),
        }
    }

    /// Takes a value out, if it is there and of this kind.
    pub(super) fn take<T: Fits>(&mut self, key: &str) -> Option<T> {
        let value = T::fit(self.values.get(key)?)?;
        self.values.remove(key);
        Some(value)
    }

    pub(super) fn peek(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.values.keys().cloned().collect()
    }

    /// Says that a key needs nothing.
    pub(super) fn drop_key(&mut self, key: &str) {
        self.values.remove(key);
    }

    /// Takes settings out of an object; what is left of it is remembered.
    pub(super) fn section<T>(
        &mut self,
        key: &str,
        take: impl FnOnce(&mut Section) -> T,
    ) -> Option<T> {
        if !self.values.get(key)?.is_object() {
            return None;
        }
        let Some(Value::Object(values)) = self.values.remove(key) else {
            return None;
        };
        let mut inner = Section::new(values);
        let taken = take(&mut inner);
        self.leave(key, inner);
        Some(taken)
    }

    /// Takes settings out of each object of a list; what is left of them is remembered.
    pub(super) fn each(&mut self, key: &str, mut take: impl FnMut(&mut Section)) {
        let fits = |items: &Vec<Value>| items.iter().all(Value::is_object);
        if !self
            .values
            .get(key)
            .and_then(Value::as_array)
            .is_some_and(fits)
        {
            return;
        }
        let Some(Value::Array(items)) = self.values.remove(key) else {
            return;
        };
        for item in items {
            if let Value::Object(values) = item {
                let mut inner = Section::new(values);
                take(&mut inner);
                self.leave(key, inner);
            }
        }
    }

    /// Remembers a path that could not be carried over.
    pub(super) fn refuse(&mut self, path: &str) {
        self.left.push(path.to_owned());
    }

    fn leave(&mut self, key: &str, inner: Section) {
        let left = inner.leftovers();
        self.left
            .extend(left.into_iter().map(|path| format!("{key}.{path}")));
    }

    /// What nobody took: the paths of whole values, without the numbers of lists.
    pub(super) fn leftovers(self) -> Vec<String> {
        let untouched = self
            .values
            .into_iter()
            .filter(|(_, value)| !is_nothing(value))
            .map(|(key, _)| key);
        let mut all: Vec<String> = self.left.into_iter().chain(untouched).collect();
        all.sort();
        all.dedup();
        all
    }
}

/// Says nothing, and so needs no word.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
