use std::fmt;

/// How the crate is compiled, and how talkative its shim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// cargo's `dev` profile; a panic answers with its text.
    Dev,
    /// cargo's `release` profile, for the public.
    Release,
}

impl Profile {
    /// The folder in cargo's target directory.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Release => "release",
        })
    }
}
