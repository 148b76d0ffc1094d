//! What can go wrong while finding or fetching programs, each with its cure.

use std::io;

use camino::Utf8PathBuf;

/// Provisioning failed. [`miette::Diagnostic::help`] says what to do about it.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ProvisionError {
    /// The file system said no.
    #[error("cannot {what} {path}: {source}")]
    #[diagnostic(help("{}", io_help(source, path)))]
    Io {
        what: &'static str,
        path: Utf8PathBuf,
        #[source]
        source: io::Error,
    },

    /// A path that this tool cannot write into files it generates.
    #[error("the path {path} is not valid UTF-8")]
    #[diagnostic(help("set TINY_CACHE to a folder with a plain name, or move the project"))]
    NotUtf8 { path: String },

    /// No home folder, so no cache folder either.
    #[error("cannot tell where the cache folder is: there is no home folder")]
    #[diagnostic(help("set TINY_CACHE to a folder that tiny may write to"))]
    NoHome,

    /// `TINY_TOOLCHAIN` names no route.
    #[error("TINY_TOOLCHAIN is `{value}`, which is no toolchain route")]
    #[diagnostic(help("use native, rustup or debian, or leave it unset"))]
    UnknownRoute { value: String },

    /// Something has to be fetched and `TINY_OFFLINE` forbids it.
    #[error("{what} is not here, and TINY_OFFLINE is set")]
    #[diagnostic(help("run `tiny setup` once without TINY_OFFLINE{alternative}"))]
    Offline { what: String, alternative: String },

    /// The npm client is missing and a package is needed.
    #[error("{what} has to be fetched with npm, and there is no npm on PATH")]
    #[diagnostic(help("install npm (Debian: `apt-get install npm`){alternative}"))]
    NoNpm { what: String, alternative: String },

    /// A fetched file is not what was pinned.
    #[error(
        "{what} was refused: its sha512 is {found}, but {expected} is the one this version must have"
    )]
    #[diagnostic(help(
        "the registry or something on the way serves another file; check the npm registry setting (`npm config get registry`)"
    ))]
    WrongHash {
        what: String,
        expected: String,
        found: String,
    },

    /// A fetched package is not the one that the manifest means.
    #[error("{what} was refused: its sha512 is not the one in tiny.toml, {expected}")]
    #[diagnostic(help(
        "if you mean another version now, write `integrity = \"{found}\"`; if not, the registry or something on the way serves another file"
    ))]
    OtherHash {
        what: String,
        expected: String,
        found: String,
    },

    /// A fetched package, of which nobody said what it has to be.
    #[error("{what} has no `integrity` in tiny.toml to be checked against")]
    #[diagnostic(help("what came has this one: `integrity = \"{found}\"`"))]
    NoHash { what: String, found: String },

    /// An archive that does not look as it should.
    #[error("{what} cannot be unpacked: {why}")]
    #[diagnostic(help("try again; if it stays so, please report it"))]
    BadArchive { what: String, why: String },

    /// A program we run ended with an error.
    #[error("`{command}` failed ({status}){}", indented(output))]
    #[diagnostic(help("{help}"))]
    Failed {
        command: String,
        status: String,
        output: String,
        help: String,
    },

    /// A program we run made no progress, or took too long, and was stopped.
    #[error("`{command}` was stopped: {why}{}", indented(output))]
    #[diagnostic(help("{help}"))]
    Stalled {
        command: String,
        why: String,
        output: String,
        help: String,
    },

    /// There is no build of this program for this kind of machine.
    #[error("{what} has no build for {platform}")]
    #[diagnostic(help("{help}"))]
    NoBuild {
        what: String,
        platform: String,
        help: String,
    },

    /// A program named by the user does not work.
    #[error("{variable} is {path}, but {why}")]
    #[diagnostic(help("set {variable} to a program that runs here, or unset it"))]
    BadOverride {
        variable: &'static str,
        path: Utf8PathBuf,
        why: String,
    },

    /// This way to a toolchain is not open on this machine.
    #[error("{why}")]
    #[diagnostic(help("run `tiny doctor` to see what is missing"))]
    NotTaken { why: String },

    /// The toolchain that a `rust-toolchain` file asks for cannot be used.
    #[error("cannot use the Rust toolchain that {file} asks for: {why}")]
    #[diagnostic(help(
        "run `rustup toolchain install` in that folder where rustup can download, or use another one with `RUSTUP_TOOLCHAIN=stable`"
    ))]
    Pinned { file: Utf8PathBuf, why: String },

    /// The standard library cannot be compiled with an app.
    #[error(
        "rustc {version} ({route} route) has no sources of its standard library, which `panic = \"unwind\"` needs"
    )]
    #[diagnostic(help(
        "install Rust with rustup and run `rustup component add rust-src`, or take `panic = \"unwind\"` out of the manifest"
    ))]
    NoSources { version: String, route: String },

    /// No compiler at all.
    #[error("there is no rustc on PATH")]
    #[diagnostic(help("install Rust with rustup, then run `tiny doctor`"))]
    NoRustc,

    /// None of the routes led to a wasm toolchain.
    #[error(
        "no toolchain for wasm32-unknown-unknown could be set up{}",
        listed(tried)
    )]
    #[diagnostic(help("{help}"))]
    NoToolchain {
        /// Route and what became of it.
        tried: Vec<(String, String)>,
        help: String,
    },
}

fn io_help(source: &io::Error, path: &Utf8PathBuf) -> String {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on that disk, or set TINY_CACHE to a folder on another one".to_owned()
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("make {path} writable, or set TINY_CACHE to a folder that is")
        }
        _ => "check that path, or set TINY_CACHE to another folder".to_owned(),
    }
}

/// The end of a program's output, set off from the message.
fn indented(output: &str) -> String {
    output
        .lines()
        .fold(String::new(), |text, line| text + "\n    " + line)
}

fn listed(tried: &[(String, String)]) -> String {
    tried.iter().fold(String::new(), |text, (route, why)| {
        text + "\n  " + route + ": " + &why.replace('\n', "\n  ")
    })
}
