//! Who is here: a value `here/<id>` of the list for everybody who has it open. Such values are set
//! and deleted by the object alone, and never written to disk.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tinybase::{Store, Value};

use crate::identity::is_anonymous;
use crate::todos::push_json;

const PREFIX: &str = "here/";

/// How others know somebody. The user id itself would be a credential where nothing is signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Who {
    id: String,
    name: String,
}

impl Who {
    pub fn of(user: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(PREFIX)
            .chain_update(user)
            .finalize();
        let (first, _) = digest.split_at(6);
        let number = first
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        let id = format!("{number:012x}");
        let name = if is_anonymous(user) {
            format!("Guest {}", &id[..4])
        } else {
            user.to_owned()
        };
        Self { id, name }
    }
}

/// Whether a value of this id tells who is here.
pub fn is_presence(value_id: &str) -> bool {
    value_id.starts_with(PREFIX)
}

/// Makes the values say that exactly these are here. Returns whether they did not.
pub fn tell<'w>(store: &mut Store, here: impl Iterator<Item = &'w Who>, now: u64) -> bool {
    let mut here: Vec<&Who> = here.collect();
    here.sort_unstable();
    here.dedup();
    let value_id = |who: &Who| [PREFIX, &who.id].concat();
    let left: Vec<String> = store
        .value_ids()
        .filter(|id| is_presence(id))
        .filter(|id| !here.iter().any(|who| value_id(who) == *id))
        .map(str::to_owned)
        .collect();
    let mut changed = false;
    for id in left {
        changed |= store.del_value(&id, now);
    }
    for who in here {
        let mut json = String::from(r#"{"name":"#);
        push_json(&mut json, &who.name);
        json.push('}');
        // Every JSON object is a value.
        if let Ok(value) = Value::json(&json) {
            changed |= store.set_value(&value_id(who), value, now);
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(store: &Store) -> serde_json::Value {
        let plain: serde_json::Value = serde_json::from_str(&store.plain_json()).unwrap();
        plain[1].clone()
    }

    #[test]
    fn those_who_come_are_named_once_and_those_who_leave_are_gone() {
        let (alice, guest) = (Who::of("alice"), Who::of("anon-1-abc"));
        let mut store = Store::new("server");
        assert!(tell(&mut store, [&alice, &guest, &alice].into_iter(), 1));
        let names: Vec<String> = values(&store)
            .as_object()
            .unwrap()
            .values()
            .map(|value| value["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&"alice".to_owned()));
        assert!(!store.plain_json().contains("anon-1-abc"));

        assert!(!tell(&mut store, [&guest, &alice].into_iter(), 2));
        assert!(tell(&mut store, [].into_iter(), 3));
        assert_eq!(values(&store), serde_json::json!({}));
    }

    #[test]
    fn what_a_client_claims_is_put_right() {
        let mut store = Store::new("server");
        store.set_value("here/nobody", Value::from(true), 1);
        store.set_value("theme", Value::from(true), 1);
        assert!(tell(&mut store, [].into_iter(), 2));
        assert_eq!(values(&store), serde_json::json!({"theme": true}));
    }
}
