//! Files that go up: static assets and SQL migrations.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use camino::Utf8Path;
use tiny_assets::{Package, Site};
use tiny_cloudflare::{AssetsConfig, HtmlHandling, NotFoundHandling, RunWorkerFirst};
use tiny_manifest as manifest;

use super::{AssetContent, AssetFile, AssetsSpec, SqlMigration};
use crate::error::EngineError;

/// Hex digits of a hash.
const HASH: usize = 32;

/// Files up to this size are kept in memory from being hashed to being uploaded.
const KEPT: u64 = 64 * 1024;

/// The static assets of a worker with those of `packages`, and what is wrong with its folder.
pub(super) fn assets(
    assets: &manifest::Assets,
    packages: &[Package],
) -> Result<(AssetsSpec, Vec<String>), EngineError> {
    let site = Site::read(
        &assets.directory,
        packages,
        html_of_scan(assets.html_handling),
    )?;
    let mut files = std::collections::BTreeMap::new();
    for (path, file) in site.files {
        let bytes = read(&file.path)?;
        let content = if file.size <= KEPT {
            AssetContent::Memory(bytes.clone())
        } else {
            AssetContent::File(file.path.clone())
        };
        let extension = Utf8Path::new(&path).extension().unwrap_or_default();
        let file = AssetFile {
            hash: asset_hash(&bytes, extension),
            size: bytes.len() as u64,
            content_type: file.content_type,
            content,
        };
        files.insert(path, file);
    }
    let config = AssetsConfig {
        html_handling: Some(html(assets.html_handling)),
        not_found_handling: Some(not_found(assets.not_found_handling)),
        run_worker_first: match &assets.run_worker_first {
            manifest::RunWorkerFirst::Never => None,
            manifest::RunWorkerFirst::Always => Some(RunWorkerFirst::Always(true)),
            manifest::RunWorkerFirst::Paths(paths) => Some(RunWorkerFirst::Paths(paths.clone())),
        },
        headers: site.headers,
        redirects: site.redirects,
    };
    let complaints = site.complaints.iter().map(ToString::to_string).collect();
    Ok((AssetsSpec { files, config }, complaints))
}

/// As wrangler makes it, so that what either uploaded need not be uploaded again: BLAKE3 over the
/// content in base64 and the extension without its dot.
pub fn asset_hash(content: &[u8], extension: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(STANDARD.encode(content).as_bytes());
    hasher.update(extension.as_bytes());
    let mut hash = hasher.finalize().to_hex().to_string();
    hash.truncate(HASH);
    hash
}

/// The SQL migrations of a database, in the order in which they are applied.
pub(super) fn sql_migrations(
    migrations: &manifest::Migrations,
) -> Result<Vec<SqlMigration>, EngineError> {
    let files = migrations.read().map_err(|error| EngineError::Unreadable {
        path: migrations.folder.clone(),
        why: error.to_string(),
    })?;
    Ok(files
        .into_iter()
        .map(|file| SqlMigration {
            name: file.name,
            sql: file.sql,
        })
        .collect())
}

fn read(path: &Utf8Path) -> Result<Bytes, EngineError> {
    std::fs::read(path)
        .map(Bytes::from)
        .map_err(|error| EngineError::Unreadable {
            path: path.to_owned(),
            why: error.to_string(),
        })
}

fn html(handling: manifest::HtmlHandling) -> HtmlHandling {
    match handling {
        manifest::HtmlHandling::AutoTrailingSlash => HtmlHandling::AutoTrailingSlash,
        manifest::HtmlHandling::ForceTrailingSlash => HtmlHandling::ForceTrailingSlash,
        manifest::HtmlHandling::DropTrailingSlash => HtmlHandling::DropTrailingSlash,
        manifest::HtmlHandling::None => HtmlHandling::None,
    }
}

fn html_of_scan(handling: manifest::HtmlHandling) -> tiny_assets::HtmlHandling {
    match handling {
        manifest::HtmlHandling::AutoTrailingSlash => tiny_assets::HtmlHandling::AutoTrailingSlash,
        manifest::HtmlHandling::ForceTrailingSlash => tiny_assets::HtmlHandling::ForceTrailingSlash,
        manifest::HtmlHandling::DropTrailingSlash => tiny_assets::HtmlHandling::DropTrailingSlash,
        manifest::HtmlHandling::None => tiny_assets::HtmlHandling::None,
    }
}

fn not_found(handling: manifest::NotFoundHandling) -> NotFoundHandling {
    match handling {
        manifest::NotFoundHandling::None => NotFoundHandling::None,
        manifest::NotFoundHandling::SinglePageApplication => {
            NotFoundHandling::SinglePageApplication
        }
        manifest::NotFoundHandling::NotFoundPage => NotFoundHandling::NotFoundPage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with the reference implementation of BLAKE3.
    #[test]
    fn hashes_are_those_of_wrangler() {
        assert_eq!(
            asset_hash(b"hello\n", "txt"),
            "56638d01375d9d28c49e281774cfd32f"
        );
        assert_eq!(asset_hash(b"", ""), "af1349b9f5f9a1a6a0404dea36dcc949");
    }
}
