//! Finds workerd: named by the user, on PATH, in a node_modules nearby, in the cache, else
//! fetched.

use camino::{Utf8Path, Utf8PathBuf};
use std::time::Duration;

use crate::cache::Cache;
use crate::child::Program;
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::known::Known;
use crate::npm;
use crate::pins;
use crate::progress::Reporter;

const ALTERNATIVE: &str =
    ", or put workerd on PATH, or set TINY_WORKERD to the path of a workerd program";

/// A workerd that runs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workerd {
    /// The program itself, never a script that starts it.
    pub path: Utf8PathBuf,
    /// Its date, as `workerd --version` prints it: `2026-11-17`. Also the newest compatibility
    /// date that it supports.
    pub version: String,
    pub source: WorkerdSource,
}

/// Where a workerd was found, in the order of looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerdSource {
    /// `TINY_WORKERD`
    Env,
    Path,
    NodeModules,
    /// The cache folder, fetched now or earlier.
    Cache,
}

impl std::fmt::Display for WorkerdSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Env => "TINY_WORKERD",
            Self::Path => "PATH",
            Self::NodeModules => "node_modules",
            Self::Cache => "cache",
        })
    }
}

/// The one to use for a project in the folder `near`.
pub(crate) async fn find_or_fetch(
    near: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<Workerd, ProvisionError> {
    if let Some(found) = find(near, environment, cache, reporter).await? {
        return Ok(found);
    }
    fetch(environment, cache, reporter).await
}

/// One that is here already.
pub(crate) async fn find(
    near: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<Option<Workerd>, ProvisionError> {
    if let Some(path) = environment.path("TINY_WORKERD")? {
        let version = version(&path, environment, cache).await.map_err(|failed| {
            ProvisionError::BadOverride {
                variable: "TINY_WORKERD",
                path: path.clone(),
                why: failed.to_string(),
            }
        })?;
        if version.as_str() < pins::OLDEST_WORKERD {
            reporter.note(&format!(
                "TINY_WORKERD is workerd {version}; tiny's simulators were made for {} and newer",
                pins::OLDEST_WORKERD
            ));
        }
        return Ok(Some(Workerd {
            path,
            version,
            source: WorkerdSource::Env,
        }));
    }
    let on_path = environment
        .which_all("workerd")
        .filter_map(|path| program_behind(&path))
        .map(|path| (path, WorkerdSource::Path));
    let nearby = near
        .ancestors()
        .flat_map(|folder| in_node_modules(&folder.join("node_modules")))
        .map(|path| (path, WorkerdSource::NodeModules));
    for (path, source) in on_path.chain(nearby) {
        // One that does not run, or is too old for the simulators, is passed over.
        match version(&path, environment, cache).await {
            Ok(version) if version.as_str() >= pins::OLDEST_WORKERD => {
                return Ok(Some(Workerd {
                    path,
                    version,
                    source,
                }));
            }
            _ => {}
        }
    }
    Ok(pins::workerd()
        .and_then(|package| cache.get(&entry_name(package)))
        .map(|folder| cached(&folder)))
}

async fn fetch(
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<Workerd, ProvisionError> {
    let Some(package) = pins::workerd() else {
        return Err(ProvisionError::NoBuild {
            what: "workerd".to_owned(),
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            help: "build workerd from source and set TINY_WORKERD to it".to_owned(),
        });
    };
    let label = format!("workerd {}", package.version);
    let mut task = reporter.task(&label);
    let folder = cache
        .get_or_make(&entry_name(package), task.as_mut(), async |making, task| {
            npm::fetch(
                package.into(),
                environment,
                making,
                task,
                ALTERNATIVE,
                |inside| {
                    matches!(inside.as_str(), "bin/workerd" | "LICENSE").then(|| inside.to_owned())
                },
            )
            .await?;
            // A build that this machine cannot run must not get into the cache.
            ask_version(&making.entry().join("bin/workerd"), environment).await?;
            Ok(())
        })
        .await?;
    task.done(&label);
    Ok(cached(&folder))
}

pub(crate) fn entry_name(package: pins::Package) -> String {
    let name = package.name.rsplit('/').next().unwrap_or(package.name);
    format!("{name}-{}", package.version)
}

fn cached(folder: &Utf8Path) -> Workerd {
    Workerd {
        path: folder.join("bin/workerd"),
        version: pins::workerd()
            .and_then(|package| date_of(package.version))
            .unwrap_or_default(),
        source: WorkerdSource::Cache,
    }
}

/// `1.20261117.1` → `2026-11-17`
fn date_of(npm_version: &str) -> Option<String> {
    let digits = npm_version.split('.').nth(1)?;
    (digits.len() == 8).then(|| format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]))
}

/// The programs that npm, pnpm or yarn put below one node_modules folder.
fn in_node_modules(modules: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Some(package) = pins::workerd() else {
        return Vec::new();
    };
    let direct = modules.join(package.name).join("bin/workerd");
    let hoisted = modules
        .join(".pnpm/node_modules")
        .join(package.name)
        .join("bin/workerd");
    let wrapped = modules.join("workerd/bin/workerd");
    [direct, hoisted, wrapped]
        .iter()
        .filter_map(|path| program_behind(path))
        .collect()
}

/// The program for a path that may be npm's start script: that is a JavaScript file, and the
/// program lies in a package beside its own.
fn program_behind(path: &Utf8Path) -> Option<Utf8PathBuf> {
    use std::io::Read as _;
    let real = path.canonicalize_utf8().ok()?;
    let mut start = [0; 2];
    std::fs::File::open(&real)
        .and_then(|mut file| file.read_exact(&mut start))
        .ok()?;
    if &start != b"#!" {
        return Some(real);
    }
    let package = pins::workerd()?;
    real.ancestors()
        .filter(|folder| folder.file_name() == Some("node_modules"))
        .map(|folder| folder.join(package.name).join("bin/workerd"))
        .find(|program| program.is_file())
}

/// What it says it is, remembered for as long as the file does not change.
async fn version(
    path: &Utf8Path,
    environment: &Environment,
    cache: &Cache,
) -> Result<String, ProvisionError> {
    let known = Known::of_file(cache, "workerd", path);
    if let Some(version) = known.read() {
        return Ok(version);
    }
    let version = ask_version(path, environment).await?;
    known.write(&version);
    Ok(version)
}

/// Runs it: the proof that this machine can.
pub(crate) async fn ask_version(
    path: &Utf8Path,
    environment: &Environment,
) -> Result<String, ProvisionError> {
    let output = Program::new(path, environment)
        .args(["--version"])
        .limit(Duration::from_secs(20))
        .help("this machine cannot run it; workerd needs glibc 2.35 or newer on Linux")
        .run()
        .await?;
    output
        .stdout
        .trim()
        .strip_prefix("workerd ")
        .map(str::to_owned)
        .ok_or_else(|| ProvisionError::Failed {
            command: format!("{path} --version"),
            status: "not workerd".to_owned(),
            output: output.stdout,
            help: "set TINY_WORKERD to a workerd program".to_owned(),
        })
}
