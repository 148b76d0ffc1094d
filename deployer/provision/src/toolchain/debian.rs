//! The third route, for where rustup cannot download: Debian's compiler for web programs,
//! unpacked into the cache without touching the system, and a wasm standard library built once
//! from the sources that Debian ships with it. Afterwards it behaves like any toolchain that has
//! the target: no nightly flags near the app.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::active::{Active, older};
use super::proof::{self, prove};
use super::requirement::NEEDED_BY_NEWEST;
use super::{Route, Toolchain, WASM_TARGET, wasm_libraries};
use crate::cache::{Cache, Making, io_error};
use crate::cargo_progress::CargoProgress;
use crate::child::Program;
use crate::environment::Environment;
use crate::error::ProvisionError;
use crate::npm::folder_size;
use crate::progress::{Reporter, Task};

/// To be raised when the recipe below changes.
const ENTRY: &str = "debian-toolchain-1";

const COMPILER: &str = "rustc-web";
const SOURCES: &str = "rust-web-src";

/// Debian's name for the folders of this machine's libraries.
fn triplet() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}

/// Why this machine cannot take the route, if it cannot.
pub(crate) fn obstacle(environment: &Environment) -> Option<String> {
    ["apt-get", "apt-cache", "dpkg", "dpkg-query"]
        .iter()
        .find(|program| environment.which(program).is_none())
        .map(|program| format!("this is not Debian: there is no {program} on PATH"))
}

/// The toolchain if it lies in the cache.
pub(crate) fn find(cache: &Cache, active: &Active) -> Option<Toolchain> {
    cache.get(ENTRY).and_then(|entry| toolchain(&entry, active))
}

pub(super) async fn provide(
    active: &Active,
    environment: &Environment,
    cache: &Cache,
    reporter: &dyn Reporter,
) -> Result<Toolchain, ProvisionError> {
    if let Some(found) = find(cache, active) {
        return Ok(found);
    }
    if let Some(why) = obstacle(environment) {
        return Err(not_taken(&why));
    }
    if environment.offline() {
        return Err(ProvisionError::Offline {
            what: "Debian's wasm toolchain".to_owned(),
            alternative: String::new(),
        });
    }
    let mut task = reporter.task("wasm toolchain of Debian");
    let entry = cache
        .get_or_make(ENTRY, task.as_mut(), async |making, task| {
            make(making, active, environment, task).await
        })
        .await?;
    let made =
        toolchain(&entry, active).ok_or_else(|| incomplete("it does not say its version"))?;
    task.done(&format!(
        "rustc {} of Debian, with wasm",
        made.rustc_version
    ));
    Ok(made)
}

fn toolchain(entry: &Utf8Path, active: &Active) -> Option<Toolchain> {
    let version = fs_err::read_to_string(entry.join("version")).ok()?;
    let rustc = entry.join("bin/rustc");
    let linker = linker(entry)?;
    let mut env = active.variables();
    env.push(("RUSTC".to_owned(), rustc.to_string()));
    env.push((proof::LINKER.to_owned(), linker.to_string()));
    Some(Toolchain {
        route: Route::Debian,
        env,
        rustc_version: version,
        rustc,
        cargo: active.cargo.clone(),
        sysroot: entry.join("usr"),
    })
}

/// `usr/lib/llvm-22/bin/wasm-ld`
fn linker(entry: &Utf8Path) -> Option<Utf8PathBuf> {
    llvm_folder(entry).map(|folder| folder.join("bin/wasm-ld"))
}

fn llvm_folder(entry: &Utf8Path) -> Option<Utf8PathBuf> {
    entry
        .join("usr/lib")
        .read_dir_utf8()
        .ok()?
        .flatten()
        .find(|found| found.file_name().starts_with("llvm-"))
        .map(camino::Utf8DirEntry::into_path)
}

async fn make(
    making: &Making,
    active: &Active,
    environment: &Environment,
    task: &mut dyn Task,
) -> Result<(), ProvisionError> {
    let debs = making.scratch().join("debs");
    fs_err::create_dir(&debs).map_err(io_error("create", &debs))?;
    task.say("asking apt what is needed");
    let mut apt = Apt::new(environment);
    if !apt.has_new_enough_compiler().await {
        apt.update(&making.scratch(), task).await?;
    }
    match apt.download(&debs, task).await {
        // What the system's lists name may have been replaced since they were fetched.
        Err(ProvisionError::Failed { .. }) if !apt.is_fresh() => {
            apt.update(&making.scratch(), task).await?;
            apt.download(&debs, task).await?;
        }
        done => done?,
    }
    unpack(&debs, &making.entry(), environment, task).await?;

    let entry = making.entry();
    write_wrapper(&entry)?;
    let compiler = Active::ask_compiler(entry.join("bin/rustc"), &entry, environment).await?;
    if older(&compiler.version, NEEDED_BY_NEWEST) {
        return Err(incomplete(&format!(
            "its rustc is {}, and {NEEDED_BY_NEWEST} is needed",
            compiler.version
        )));
    }
    let version = entry.join("version");
    fs_err::write(&version, &compiler.version).map_err(io_error("write", &version))?;

    build_standard_library(making, &compiler, active, environment, task).await?;
    // Half a gigabyte that nothing reads any more.
    for spent in ["usr/src", "usr/lib/rustlib/src", "usr/share"] {
        let path = entry.join(spent);
        if path.is_dir() && !path.is_symlink() {
            fs_err::remove_dir_all(&path).map_err(io_error("remove", &path))?;
        }
    }
    task.say("trying it");
    let made = toolchain(&entry, active).ok_or_else(|| incomplete("there is no linker in it"))?;
    prove(&made, false, environment).await?;
    prove(&made, true, environment).await?;
    task.say("putting it in place");
    Ok(())
}

fn not_taken(why: &str) -> ProvisionError {
    ProvisionError::NotTaken {
        why: why.to_owned(),
    }
}

fn incomplete(why: &str) -> ProvisionError {
    ProvisionError::BadArchive {
        what: "Debian's toolchain".to_owned(),
        why: why.to_owned(),
    }
}

/// apt, with the system's package lists or with fresh ones of our own: no root needed, and
/// nothing of the system is changed.
struct Apt<'a> {
    environment: &'a Environment,
    /// What makes it use our own lists, once they are fetched.
    options: Vec<String>,
}

impl<'a> Apt<'a> {
    fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            options: Vec::new(),
        }
    }

    fn is_fresh(&self) -> bool {
        !self.options.is_empty()
    }

    async fn update(
        &mut self,
        scratch: &Utf8Path,
        task: &mut dyn Task,
    ) -> Result<(), ProvisionError> {
        task.say("fetching package lists");
        let lists = scratch.join("lists");
        let partial = lists.join("partial");
        fs_err::create_dir_all(&partial).map_err(io_error("create", &partial))?;
        self.options = vec![
            "-o".to_owned(),
            format!("Dir::State::lists={lists}"),
            "-o".to_owned(),
            format!("Dir::Cache={}", scratch.join("apt-cache")),
        ];
        let mut last = 0;
        let updated = self
            .program("apt-get", &["update"])
            .pulse(|said| {
                let now = folder_size(&lists);
                let moved = now != last || !said.is_empty();
                last = now;
                moved
            })
            .run()
            .await;
        match updated {
            // One source out of many that does not answer matters only if it is ours.
            Err(failed) if !self.has_new_enough_compiler().await => Err(failed),
            _ => Ok(()),
        }
    }

    fn program(&self, program: &str, args: &[&str]) -> Program<'_> {
        Program::new(program, self.environment)
            .args(&self.options)
            // What lies in the cache is this user's; apt's own download user cannot write there.
            .args(["-o", "APT::Sandbox::User=root"])
            .args(args)
            .env("LC_ALL", "C")
            .patience(Duration::from_mins(1))
            .help("check this machine's apt sources with `apt-get update`")
    }

    /// The lists of a system that was not updated for long name a compiler that is too old.
    async fn has_new_enough_compiler(&self) -> bool {
        self.compiler_version()
            .await
            .is_some_and(|version| !older(&version, NEEDED_BY_NEWEST))
    }

    async fn compiler_version(&self) -> Option<String> {
        let output = self
            .program("apt-cache", &["show", "--no-all-versions", COMPILER])
            .run()
            .await
            .ok()?;
        output
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("Version: "))
            .map(str::to_owned)
    }

    /// All that `package` needs to run, itself included.
    async fn closure(&self, package: &str) -> Result<BTreeSet<String>, ProvisionError> {
        let output = self
            .program(
                "apt-cache",
                &[
                    "depends",
                    "--recurse",
                    "--no-recommends",
                    "--no-suggests",
                    "--no-conflicts",
                    "--no-breaks",
                    "--no-replaces",
                    "--no-enhances",
                    package,
                ],
            )
            .run()
            .await?;
        Ok(output
            .stdout
            .lines()
            .filter(|line| !line.starts_with([' ', '<', '|']))
            .map(str::to_owned)
            .collect())
    }

    /// The compiler, its library, its sources, LLVM's linker and the shared libraries that this
    /// machine does not have. Versions are in the packages' names, so they are read from what
    /// depends on what.
    async fn packages(&self) -> Result<Vec<String>, ProvisionError> {
        match self.compiler_version().await {
            None => {
                return Err(not_taken(&format!(
                    "none of this machine's apt sources has a package {COMPILER}"
                )));
            }
            Some(version) if older(&version, NEEDED_BY_NEWEST) => {
                return Err(not_taken(&format!(
                    "the {COMPILER} of this machine's apt sources is {version}, and {NEEDED_BY_NEWEST} is needed"
                )));
            }
            Some(_) => {}
        }
        // Not the compiler's own: it wants gcc, which host builds need in any case and which
        // has to be installed for good.
        let library = self.closure("libstd-rust-web-dev").await?;
        let linker = library
            .iter()
            .find_map(|name| {
                let version = name.strip_prefix("libllvm")?;
                version
                    .bytes()
                    .all(|byte| byte.is_ascii_digit())
                    .then(|| format!("lld-{version}"))
            })
            .ok_or_else(|| not_taken("apt does not say which LLVM the compiler needs"))?;
        let mut wanted = self.closure(&linker).await?;
        wanted.extend(library);
        let installed = self.installed().await?;
        Ok(wanted
            .into_iter()
            .filter(|name| !installed.contains(name) && !is_base(name))
            .chain([COMPILER.to_owned(), SOURCES.to_owned()])
            .collect())
    }

    async fn installed(&self) -> Result<BTreeSet<String>, ProvisionError> {
        let output = Program::new("dpkg-query", self.environment)
            .args(["-W", "-f", "${Package} ${db:Status-Status}\\n"])
            .run()
            .await?;
        Ok(output
            .stdout
            .lines()
            .filter_map(|line| line.strip_suffix(" installed"))
            // Of these the exact version counts, so they are always taken along.
            .filter(|name| !name.contains("rust-web") && !name.starts_with("lld-"))
            .filter(|name| !name.starts_with("libllvm"))
            .map(str::to_owned)
            .collect())
    }

    /// Downloads the packages into `folder`. apt checks them against its signed lists.
    async fn download(&self, folder: &Utf8Path, task: &mut dyn Task) -> Result<(), ProvisionError> {
        let named = self.packages().await?;
        let sizes = self
            .program("apt-get", &["--print-uris", "download"])
            .args(&named)
            .run()
            .await?;
        let total = sizes.stdout.lines().filter_map(size_in_uri_line).sum();
        task.total(total);
        task.say(&format!("downloading {} packages", named.len()));
        let mut last = 0;
        self.program("apt-get", &["download"])
            .args(&named)
            .within(folder)
            .pulse(|_| {
                let now = folder_size(folder);
                let moved = now != last;
                last = now;
                task.at(now.min(total));
                moved
            })
            .run()
            .await?;
        task.at(total);
        Ok(())
    }
}

/// The C library and the like: they belong to the running system and are always there.
fn is_base(package: &str) -> bool {
    matches!(
        package,
        "libc6" | "libgcc-s1" | "gcc-12-base" | "libstdc++6"
    ) || package.starts_with("gcc-")
}

/// `'http://…' rustc-web_1.96.0_amd64.deb 4450500 SHA256:…` → 4450500
fn size_in_uri_line(line: &str) -> Option<u64> {
    line.split_whitespace().nth(2)?.parse().ok()
}

async fn unpack(
    debs: &Utf8Path,
    root: &Utf8Path,
    environment: &Environment,
    task: &mut dyn Task,
) -> Result<(), ProvisionError> {
    let mut packages: Vec<Utf8PathBuf> = debs
        .read_dir_utf8()
        .map_err(io_error("read", debs))?
        .flatten()
        .map(camino::Utf8DirEntry::into_path)
        .filter(|path| path.extension() == Some("deb"))
        .collect();
    packages.sort();
    task.total(packages.len() as u64);
    for (count, package) in packages.iter().enumerate() {
        task.at(count as u64);
        task.say(&format!(
            "unpacking {}",
            package
                .file_name()
                .and_then(|name| name.split('_').next())
                .unwrap_or_default()
        ));
        Program::new("dpkg", environment)
            .args(["-x", package.as_str(), root.as_str()])
            .run()
            .await?;
    }
    Ok(())
}

/// The compiler's libraries are not where the system looks for them. The paths are relative to
/// the script, because the whole entry is moved once it is complete.
fn write_wrapper(entry: &Utf8Path) -> Result<(), ProvisionError> {
    let triplet = triplet();
    let llvm = llvm_folder(entry)
        .and_then(|folder| folder.file_name().map(str::to_owned))
        .ok_or_else(|| incomplete("there is no LLVM in it"))?;
    let script = format!(
        "#!/bin/sh\n\
         root=${{0%/*}}/..\n\
         LD_LIBRARY_PATH=$root/usr/lib/{triplet}:$root/lib/{triplet}:$root/usr/lib/{llvm}/lib${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\n\
         export LD_LIBRARY_PATH\n\
         exec \"$root/usr/bin/rustc\" \"$@\"\n"
    );
    let folder = entry.join("bin");
    fs_err::create_dir_all(&folder).map_err(io_error("create", &folder))?;
    let path = folder.join("rustc");
    fs_err::write(&path, script).map_err(io_error("write", &path))?;
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
        .map_err(io_error("make executable", &path))
}

/// Builds the wasm standard library from Debian's sources and puts it where the compiler looks.
async fn build_standard_library(
    making: &Making,
    compiler: &Active,
    active: &Active,
    environment: &Environment,
    task: &mut dyn Task,
) -> Result<(), ProvisionError> {
    let package = making.scratch().join("std-build");
    let sources = package.join("src");
    fs_err::create_dir_all(&sources).map_err(io_error("create", &sources))?;
    for (name, text) in [
        ("src/lib.rs", ""),
        (
            "Cargo.toml",
            "[package]\nname = \"std-build\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n",
        ),
    ] {
        let path = package.join(name);
        fs_err::write(&path, text).map_err(io_error("write", &path))?;
    }
    task.say("building the wasm standard library");
    // As in Rust's own builds: without the bitcode no release could be optimised as a whole, and
    // paths of this machine in panic messages would make every build of an app its own.
    let flags = [
        "-Cembed-bitcode=yes".to_owned(),
        format!(
            "--remap-path-prefix={}/lib/rustlib/src/rust=/rustc/{}",
            compiler.sysroot, compiler.version
        ),
        format!(
            "--remap-path-prefix={}=/rustc/{}",
            cargo_home(environment),
            compiler.version
        ),
    ];
    let mut progress = CargoProgress::new(task);
    let mut build = CargoProgress::asked_of(Program::new(&active.cargo, environment))
        .args(["build", "--release", "--target", WASM_TARGET])
        .args(["-Zbuild-std=std,panic_abort,panic_unwind"])
        .within(&package)
        .env("RUSTC", &compiler.called)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env("CARGO_TARGET_DIR", package.join("target"));
    // Settings that are meant for the user's own crates.
    for name in [
        "RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_RUSTC_WRAPPER",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_INCREMENTAL",
        "CARGO_PROFILE_RELEASE_DEBUG",
        "CARGO_PROFILE_RELEASE_LTO",
        "CARGO_PROFILE_RELEASE_PANIC",
    ] {
        build = build.without_env(name);
    }
    build
        .patience(Duration::from_mins(5))
        .help(
            "check that cargo reaches the crates registry; std's own dependencies come from there",
        )
        .pulse(|said| progress.hear(said))
        .run()
        .await?;

    let deps = package
        .join("target")
        .join(WASM_TARGET)
        .join("release/deps");
    let libraries = wasm_libraries(&compiler.sysroot);
    fs_err::create_dir_all(&libraries).map_err(io_error("create", &libraries))?;
    for found in deps
        .read_dir_utf8()
        .map_err(io_error("read", &deps))?
        .flatten()
    {
        let name = found.file_name();
        if found.path().extension() == Some("rlib") && !name.starts_with("libstd_build-") {
            let to = libraries.join(name);
            fs_err::rename(found.path(), &to).map_err(io_error("move into place", &to))?;
        }
    }
    Ok(())
}

fn cargo_home(environment: &Environment) -> String {
    let text = |name| environment.get(name).and_then(|value| value.to_str());
    match (text("CARGO_HOME"), text("HOME")) {
        (Some(folder), _) => environment.cwd().join(folder).to_string(),
        (None, home) => format!("{}/.cargo", home.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::size_in_uri_line;

    #[test]
    fn the_size_of_a_package_is_read_from_what_apt_prints() {
        let line = "'http://host/pool/a_1%2b2.deb' a_1+2_amd64.deb 35890200 SHA256:e38d";
        assert_eq!(size_in_uri_line(line), Some(35_890_200));
        assert_eq!(size_in_uri_line("Reading package lists..."), None);
    }
}
