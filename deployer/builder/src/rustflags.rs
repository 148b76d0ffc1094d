//! Adds compiler flags to those that cargo would use anyway.
//!
//! cargo takes flags from one source alone: `CARGO_ENCODED_RUSTFLAGS`, else `RUSTFLAGS`, else the
//! target's tables, else `build.rustflags`. Flags given anywhere would hide those of all sources
//! further down, so what cargo would find is found first, and given again with ours behind it.

use camino::Utf8Path;
use cargo_config2::{Config, Flags, PathAndArgs, ResolveOptions};
use tiny_provision::{Toolchain, WASM_TARGET};
use tokio::process::Command;

use crate::{BuildError, BuildRequest};

/// The source that comes before all others.
const VARIABLE: &str = "CARGO_ENCODED_RUSTFLAGS";

/// Lets a build use the flags of a request, where it has some.
pub(crate) fn add(
    command: &mut Command,
    request: &BuildRequest,
    toolchain: &Toolchain,
) -> Result<(), BuildError> {
    let mut ours = request.rustflags.clone();
    if request.unwind {
        ours.push("-Cpanic=unwind".to_owned());
    }
    if ours.is_empty() {
        return Ok(());
    }
    let env = std::env::vars_os().chain(
        toolchain
            .env
            .iter()
            .map(|(name, value)| (name.into(), value.into())),
    );
    let options = ResolveOptions::default()
        .env(env)
        .cargo(toolchain.cargo.as_str())
        .rustc(PathAndArgs::new(&toolchain.rustc));
    let flags = all(&request.crate_dir, &ours, options)
        .and_then(|flags| flags.encode())
        .map_err(|error| BuildError::Rustflags {
            why: error.to_string(),
        })?;
    command.env(VARIABLE, flags);
    Ok(())
}

fn all(
    folder: &Utf8Path,
    ours: &[String],
    options: ResolveOptions,
) -> Result<Flags, cargo_config2::Error> {
    let config = Config::load_with_options(folder, options)?;
    let mut flags = config.rustflags(WASM_TARGET)?.unwrap_or_default();
    for flag in ours {
        flags.push(flag);
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The flags of a package whose workspace has this configuration.
    fn flags(config: &str, env: &[(&str, &str)]) -> Vec<String> {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temp.path()).unwrap();
        let folder = root.join("crates/app");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::create_dir_all(root.join(".cargo")).unwrap();
        std::fs::write(root.join(".cargo/config.toml"), config).unwrap();
        let options = ResolveOptions::default()
            .cargo_home(root.join("home").into_std_path_buf())
            .env(env.iter().copied());
        let ours = ["--cfg".to_owned(), "ours".to_owned()];
        all(&folder, &ours, options).unwrap().flags
    }

    #[test]
    fn flags_of_the_source_that_cargo_would_take_come_first() {
        let build = "[build]\nrustflags = [\"--cfg\", \"build\"]\n";
        assert_eq!(flags(build, &[]), ["--cfg", "build", "--cfg", "ours"]);
        assert_eq!(flags("", &[]), ["--cfg", "ours"]);

        let target = "[target.wasm32-unknown-unknown]\nrustflags = \"--cfg target\"\n\
                      [target.'cfg(target_family = \"wasm\")']\nrustflags = [\"-Ctarget-feature=+simd128\"]\n\
                      [target.'cfg(unix)']\nrustflags = [\"-Dwarnings\"]\n";
        let found = flags(&format!("{build}{target}"), &[]);
        assert_eq!(
            found,
            [
                "--cfg",
                "target",
                "-Ctarget-feature=+simd128",
                "--cfg",
                "ours"
            ]
        );

        let found = flags(build, &[("RUSTFLAGS", "--cfg variable")]);
        assert_eq!(found, ["--cfg", "variable", "--cfg", "ours"]);
        let both = [
            ("RUSTFLAGS", "--cfg variable"),
            (VARIABLE, "--cfg\u{1f}feature=\"a b\""),
        ];
        assert_eq!(
            flags(build, &both),
            ["--cfg", "feature=\"a b\"", "--cfg", "ours"]
        );
    }
}
