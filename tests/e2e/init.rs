//! `tiny init`: wrangler's configuration as a manifest, and what is told about it.

mod cases;
mod schema;
