//! The builder that every end-to-end test starts from, and the real parts behind it.

mod browser;
mod dev;
mod project;

pub use browser::Browser;
pub use dev::Dev;
pub use project::Tiny;
