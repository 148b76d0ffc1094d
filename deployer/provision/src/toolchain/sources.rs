//! The sources of the standard library, for apps whose panics unwind.

use super::rustup::Download;
use super::{Route, Toolchain};
use crate::cache::Cache;
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::progress::Reporter;

/// A file of them, from the compiler's own folder.
const WITNESS: &str = "lib/rustlib/src/rust/library/std/Cargo.toml";

pub(crate) async fn provide(
    toolchain: &Toolchain,
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<(), ProvisionError> {
    let there = || toolchain.sysroot.join(WITNESS).is_file();
    if there() {
        return Ok(());
    }
    let version = &toolchain.rustc_version;
    let mut variables = toolchain.env.iter();
    let name = variables.find(|(name, _)| name == "RUSTUP_TOOLCHAIN");
    let (Some((_, name)), Some(rustup), Route::Native | Route::Rustup) =
        (name, environment.which("rustup"), toolchain.route)
    else {
        return Err(ProvisionError::NoSources {
            version: version.clone(),
            route: toolchain.route.to_string(),
        });
    };
    if environment.offline() {
        return Err(ProvisionError::Offline {
            what: format!("rust-src for rustc {version}"),
            alternative: String::new(),
        });
    }
    let mut task = reporter.task("rustup component add rust-src");
    let lock = cache.lock("rustup", task.as_mut()).await?;
    if !there() {
        let download = Download {
            rustup: &rustup,
            args: &["component", "add", "rust-src", "--toolchain", name],
            near: environment.cwd(),
            into: None,
            help: "check that rustup can download, or take `panic = \"unwind\"` out of the manifest",
        };
        download.run(environment, task.as_mut()).await?;
    }
    drop(lock);
    task.done("rustup added rust-src");
    Ok(())
}
