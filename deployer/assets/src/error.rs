//! Why a folder cannot be served.

use std::io;

use camino::Utf8PathBuf;

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum AssetsError {
    /// The folder of the files is not there.
    #[error("there is no folder of static files at {directory}")]
    #[diagnostic(help("create it, or correct `assets.directory` in tiny.toml"))]
    NoDirectory {
        /// Where it was looked for.
        directory: Utf8PathBuf,
    },
    /// The folder, or something in it, cannot be read.
    #[error("cannot read the static files: {0}")]
    #[diagnostic(help("the files must be readable by the user who runs tiny"))]
    Read(#[from] io::Error),
    /// A name that cannot be part of a URL path.
    #[error("the name of a static file is not UTF-8: {0}")]
    #[diagnostic(help("rename it, or list it in .assetsignore"))]
    Name(String),
    /// More than Cloudflare stores.
    #[error("{file} is {size} bytes large; Cloudflare stores static files of up to 25 MiB")]
    #[diagnostic(help("make it smaller, keep it in R2, or list it in .assetsignore"))]
    TooLarge {
        /// Which file.
        file: Utf8PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// More files than Cloudflare takes with one version of a worker.
    #[error("{directory} holds more than {most} static files, which is all that Cloudflare takes")]
    #[diagnostic(help("list what is not to be served in .assetsignore, or keep files in R2"))]
    TooMany {
        /// The folder of the files.
        directory: Utf8PathBuf,
        /// How many there may be.
        most: usize,
    },
    /// A package does not have what is named.
    #[error("{package} has no `{path}`")]
    #[diagnostic(help("{help}"))]
    NotInPackage {
        /// Name and version.
        package: String,
        /// What was looked for.
        path: String,
        /// What may have been meant.
        help: String,
    },
    /// Two files that would be served at one path.
    #[error("`{path}` is both {one} and {other}")]
    #[diagnostic(help("give the file of the package another place in tiny.toml"))]
    Twice {
        /// The path in the site.
        path: String,
        /// The file that was there first.
        one: String,
        /// The one of a package.
        other: String,
    },
    /// A folder in it cannot be walked, or `.assetsignore` has a pattern that means nothing.
    #[error("cannot read the static files: {0}")]
    #[diagnostic(help("folders must be readable; .assetsignore has the syntax of .gitignore"))]
    Walk(#[from] ignore::Error),
}
