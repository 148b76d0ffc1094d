//! Fetches packages through the user's own npm client, so that its registry, proxy and
//! credentials are the ones used, and checks what came against the pinned hash.

use std::io::Read as _;

use base64::Engine as _;
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha512};

use crate::cache::{Making, io_error};
use crate::child::Program;
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::pins::Package;
use crate::progress::Task;

/// One version of a package, as a registry has it.
#[derive(Debug, Clone)]
pub(crate) struct Tarball {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) expected: Expected,
    /// Its size, where it is known; for the progress bar only.
    pub(crate) bytes: Option<u64>,
}

/// The hash that it must have, as npm writes it, and who says so.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    ByTiny(&'static str),
    /// `None`: not said yet, which is for the user to do.
    ByManifest(Option<String>),
}

impl From<Package> for Tarball {
    fn from(package: Package) -> Self {
        Self {
            name: package.name.to_owned(),
            version: package.version.to_owned(),
            expected: Expected::ByTiny(package.integrity),
            bytes: Some(package.bytes),
        }
    }
}

impl Tarball {
    /// As it is called in messages.
    fn called(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    fn bad(&self, why: &(impl ToString + ?Sized)) -> ProvisionError {
        ProvisionError::BadArchive {
            what: self.called(),
            why: why.to_string(),
        }
    }

    /// Refuses what has another hash than it must have.
    fn accept(&self, found: String) -> Result<(), ProvisionError> {
        let what = self.called();
        match &self.expected {
            Expected::ByTiny(expected) if *expected == found => Ok(()),
            Expected::ByManifest(Some(expected)) if *expected == found => Ok(()),
            Expected::ByTiny(expected) => Err(ProvisionError::WrongHash {
                what,
                expected: (*expected).to_owned(),
                found,
            }),
            Expected::ByManifest(Some(expected)) => Err(ProvisionError::OtherHash {
                what,
                expected: expected.clone(),
                found,
            }),
            Expected::ByManifest(None) => Err(ProvisionError::NoHash { what, found }),
        }
    }
}

/// Fetches `package` and unpacks into the entry the files for which `place` has a path.
/// `alternative` continues a help line: what else the user could do.
pub(crate) async fn fetch(
    package: Tarball,
    environment: &Environment,
    making: &Making,
    task: &mut dyn Task,
    alternative: &str,
    place: fn(&Utf8Path) -> Option<Utf8PathBuf>,
) -> Result<(), ProvisionError> {
    let what = package.called();
    if environment.offline() {
        return Err(ProvisionError::Offline {
            what,
            alternative: alternative.to_owned(),
        });
    }
    let Some(npm) = environment.which("npm") else {
        return Err(ProvisionError::NoNpm {
            what,
            alternative: alternative.to_owned(),
        });
    };
    let scratch = making.scratch();
    if let Some(bytes) = package.bytes {
        task.total(bytes);
    }
    task.say("fetching");
    // npm says nothing until it is done. With a cache of its own inside our folder, the bytes
    // can be counted: each passes through that cache once and is then copied to the tarball.
    let mut last = 0;
    let mut progress = |_: &str| {
        let now = folder_size(&scratch);
        let moved = now != last;
        last = now;
        task.at((now / 2).min(package.bytes.unwrap_or(u64::MAX)));
        moved
    };
    Program::new(npm, environment)
        .args(["pack", &format!("{}@{}", package.name, package.version)])
        .args(["--ignore-scripts", "--loglevel=error", "--no-update-notifier"])
        .args(["--cache", scratch.join("npm-cache").as_str()])
        .within(&scratch)
        .help(format!(
            "check that npm reaches its registry (`npm ping`) and that it carries this version{alternative}"
        ))
        .pulse(&mut progress)
        .run()
        .await?;
    task.say("checking and unpacking");
    making
        .blocking(move |making| {
            let tarball = find_tarball(&making.scratch(), &package)?;
            package.accept(sha512(&tarball)?)?;
            unpack(&tarball, &package, making, place)
        })
        .await
}

fn find_tarball(folder: &Utf8Path, package: &Tarball) -> Result<Utf8PathBuf, ProvisionError> {
    folder
        .read_dir_utf8()
        .map_err(io_error("read", folder))?
        .filter_map(Result::ok)
        .map(|found| found.path().to_owned())
        .find(|path| path.extension() == Some("tgz"))
        .ok_or_else(|| package.bad("`npm pack` left no tarball"))
}

/// The hash of a file, as npm writes it.
fn sha512(tarball: &Utf8Path) -> Result<String, ProvisionError> {
    let mut file = fs_err::File::open(tarball).map_err(io_error("open", tarball))?;
    let mut hash = Sha512::new();
    let mut chunk = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut chunk).map_err(io_error("read", tarball))?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
    }
    let found = base64::engine::general_purpose::STANDARD.encode(hash.finalize());
    Ok(format!("sha512-{found}"))
}

/// Unpacks regular files only, each to a path below the entry.
fn unpack(
    tarball: &Utf8Path,
    package: &Tarball,
    making: &Making,
    place: fn(&Utf8Path) -> Option<Utf8PathBuf>,
) -> Result<(), ProvisionError> {
    let file = fs_err::File::open(tarball).map_err(io_error("open", tarball))?;
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut count = 0;
    for member in archive.entries().map_err(|error| package.bad(&error))? {
        making.still_wanted()?;
        let mut member = member.map_err(|error| package.bad(&error))?;
        if !member.header().entry_type().is_file() {
            continue;
        }
        let path = member
            .path()
            .map_err(|error| package.bad(&error))?
            .into_owned();
        let Ok(path) = Utf8PathBuf::from_path_buf(path) else {
            continue;
        };
        // Everything in an npm tarball is below one folder, usually `package`.
        let inside: Utf8PathBuf = path.components().skip(1).collect();
        let Some(place) = place(&inside) else {
            continue;
        };
        if !place
            .components()
            .all(|part| matches!(part, Utf8Component::Normal(_)))
        {
            return Err(package.bad(&format!("{path} leads out of the package")));
        }
        let target = making.entry().join(place);
        if let Some(parent) = target.parent() {
            fs_err::create_dir_all(parent).map_err(io_error("create", parent))?;
        }
        member.unpack(&target).map_err(io_error("write", &target))?;
        count += 1;
    }
    if count == 0 {
        return Err(package.bad("the files that are needed are not in it"));
    }
    Ok(())
}

/// Bytes of all files below `folder`, as far as they can be read.
pub(crate) fn folder_size(folder: &Utf8Path) -> u64 {
    let mut total = 0;
    let mut pending = vec![folder.to_owned()];
    while let Some(next) = pending.pop() {
        for found in next.read_dir_utf8().into_iter().flatten().flatten() {
            match found.metadata() {
                Ok(metadata) if metadata.is_dir() => pending.push(found.into_path()),
                Ok(metadata) => total += metadata.len(),
                Err(_) => {}
            }
        }
    }
    total
}
