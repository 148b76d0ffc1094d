//! The environment variables that provisioning looks at, taken once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use camino::{Utf8Path, Utf8PathBuf};

use crate::{ProvisionError, Route};

/// A snapshot of the process environment and working folder. Child processes get exactly this,
/// so a test can describe a whole machine without touching its own process.
#[derive(Debug, Clone)]
pub struct Environment {
    vars: BTreeMap<OsString, OsString>,
    cwd: Utf8PathBuf,
}

impl Environment {
    /// The environment of this process.
    pub fn current() -> Result<Self, ProvisionError> {
        let cwd = std::env::current_dir().map_err(|source| ProvisionError::Io {
            what: "read",
            path: "the current folder".into(),
            source,
        })?;
        let cwd = Utf8PathBuf::from_path_buf(cwd).map_err(|path| ProvisionError::NotUtf8 {
            path: path.to_string_lossy().into_owned(),
        })?;
        Ok(Self {
            vars: std::env::vars_os().collect(),
            cwd,
        })
    }

    /// The same with `name` set to `value`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.vars.insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// The same with `name` unset.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.vars.remove(OsStr::new(name));
        self
    }

    /// The same, seen from another working folder.
    #[must_use]
    pub fn within(mut self, cwd: impl Into<Utf8PathBuf>) -> Self {
        self.cwd = cwd.into();
        self
    }

    /// The folder that relative paths start from.
    pub fn cwd(&self) -> &Utf8Path {
        &self.cwd
    }

    /// Every variable, as child processes get them.
    pub fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// A variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.vars
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// A variable that holds a path, made absolute.
    pub(crate) fn path(&self, name: &'static str) -> Result<Option<Utf8PathBuf>, ProvisionError> {
        self.get(name)
            .map(|value| {
                value
                    .to_str()
                    .map(|text| self.cwd.join(text))
                    .ok_or_else(|| ProvisionError::NotUtf8 {
                        path: value.to_string_lossy().into_owned(),
                    })
            })
            .transpose()
    }

    /// `TINY_OFFLINE`: nothing may be fetched.
    pub(crate) fn offline(&self) -> bool {
        self.get("TINY_OFFLINE").is_some_and(|value| value != "0")
    }

    /// `TINY_TOOLCHAIN`: the one route that may be taken.
    pub(crate) fn forced_route(&self) -> Result<Option<Route>, ProvisionError> {
        match self.get("TINY_TOOLCHAIN").map(OsStr::to_string_lossy) {
            None => Ok(None),
            Some(text) => text.parse().map(Some),
        }
    }

    /// A program as a shell would find it, links not followed.
    pub(crate) fn which(&self, program: &str) -> Option<Utf8PathBuf> {
        self.which_all(program).next()
    }

    /// Every program of that name on PATH, first match first.
    pub(crate) fn which_all(&self, program: &str) -> impl Iterator<Item = Utf8PathBuf> + '_ {
        which::which_in_all(program.to_owned(), self.get("PATH"), self.cwd.to_string())
            .into_iter()
            .flatten()
            .filter_map(|path| Utf8PathBuf::from_path_buf(path).ok())
    }

    /// Where the cache is: `TINY_CACHE`, else the platform's cache folder + `tiny`.
    pub fn cache_folder(&self) -> Result<Utf8PathBuf, ProvisionError> {
        use etcetera::BaseStrategy as _;
        if let Some(path) = self.path("TINY_CACHE")? {
            return Ok(path);
        }
        let folder = etcetera::choose_base_strategy()
            .map_err(|_| ProvisionError::NoHome)?
            .cache_dir();
        Utf8PathBuf::from_path_buf(folder)
            .map(|folder| folder.join("tiny"))
            .map_err(|path| ProvisionError::NotUtf8 {
                path: path.to_string_lossy().into_owned(),
            })
    }
}
