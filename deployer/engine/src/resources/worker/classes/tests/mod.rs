//! Class plans, tried against Cloudflare's rules as `tiny-cloud` has them.

mod invariants;
mod stage;
mod stories;
