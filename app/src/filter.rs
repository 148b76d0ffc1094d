//! Which todos the page lists.

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    All,
    Active,
    Completed,
}

impl Filter {
    pub const EVERY: [Self; 3] = [Self::All, Self::Active, Self::Completed];

    /// The value in `?filter=`.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Active => "active",
            Self::Completed => "completed",
        }
    }

    /// What `?filter=` asks for; everything else shows all.
    pub fn named(name: &str) -> Self {
        Self::EVERY
            .into_iter()
            .find(|filter| filter.name() == name)
            .unwrap_or_default()
    }

    pub fn shows(self, completed: bool) -> bool {
        match self {
            Self::All => true,
            Self::Active => !completed,
            Self::Completed => completed,
        }
    }
}
