//! A worker with everything: as it is wanted, as it goes up, as Cloudflare tells it, and back.

mod attaching;
mod comparing;
mod sample;
mod uploading;
