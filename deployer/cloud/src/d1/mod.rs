//! D1: databases of SQLite.

use axum::Router;
use camino::Utf8PathBuf;

use crate::app::App;
use crate::error::CloudError;
use crate::store::Schema;

pub(crate) const SCHEMA: Schema = Schema {
    product: "d1",
    steps: &[],
};

/// The files of the databases.
#[derive(Debug)]
pub(crate) struct Databases {
    folder: Utf8PathBuf,
}

impl Databases {
    pub(crate) fn within(folder: Utf8PathBuf) -> Result<Self, CloudError> {
        Ok(Self { folder })
    }
}

/// Below `/accounts/{account_id}`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
}
