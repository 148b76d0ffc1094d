//! The manifest as a session sees it: where things lie, what is watched, what a change touches.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use tiny_assets::Assets;
use tiny_manifest::{LoadOptions, PRIVATE_FOLDER, SecretValues, Stack};
use tiny_provision::Provisioner;

use crate::error::DevError;
use crate::options::DevOptions;
use crate::packages::packages;
use crate::watch::WatchSet;

/// The port of the app that the tool was made for.
const PORT: u16 = 1338;

/// A manifest in force.
pub(crate) struct Project {
    pub(crate) stack: Stack,
    /// Of the session alone, where it has one.
    folder: Option<Utf8PathBuf>,
    pub(crate) secrets: SecretValues,
    /// The static files of each worker that has some.
    pub(crate) assets: BTreeMap<String, Arc<Assets>>,
}

/// Which parts of a project a change is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a change can be about any of them"
)]
pub(crate) struct Touched {
    /// The manifest, or a file of secrets.
    pub(crate) settings: bool,
    pub(crate) migrations: bool,
    pub(crate) assets: bool,
    /// Anything else that is watched is code.
    pub(crate) sources: bool,
}

impl Project {
    /// Reads the manifest with all that it names; npm packages that are not here are fetched.
    pub(crate) async fn load(
        options: &DevOptions,
        provisioner: &Provisioner,
    ) -> Result<Self, DevError> {
        let env = |name: &str| std::env::var(name).ok();
        let stack = tiny_manifest::load(
            &options.manifest,
            &LoadOptions {
                stage: options.stage.clone(),
                env: &env,
            },
        )
        .map_err(DevError::Manifest)?;
        let secrets = SecretValues::for_dev(&stack.root, &options.stage)?;
        let mut project = Self {
            folder: options.folder.clone(),
            stack,
            secrets,
            assets: BTreeMap::new(),
        };
        project.load_assets(provisioner).await?;
        Ok(project)
    }

    /// Loads static files that are not loaded yet, apart from those that a build step has yet to
    /// make. Says whether there were any.
    pub(crate) async fn load_assets(
        &mut self,
        provisioner: &Provisioner,
    ) -> Result<bool, DevError> {
        let mut any = false;
        for worker in &self.stack.workers {
            let Some(config) = &worker.assets else {
                continue;
            };
            let to_be_made = worker.build.is_some() && !config.directory.is_dir();
            if to_be_made || self.assets.contains_key(&worker.id) {
                continue;
            }
            let packages = packages(worker, provisioner).await?;
            let loaded = Assets::load(assets_config(config, packages))?;
            self.assets.insert(worker.id.clone(), Arc::new(loaded));
            any = true;
        }
        Ok(any)
    }

    /// What of the static files is ignored, with its place below the root.
    pub(crate) fn asset_complaints(&self) -> BTreeSet<String> {
        let root = format!("{}/", self.stack.root);
        self.assets
            .values()
            .flat_map(|assets| assets.complaints())
            .map(|complaint| complaint.to_string())
            .map(|told| told.strip_prefix(&root).map_or(told.clone(), str::to_owned))
            .collect()
    }

    pub(crate) fn host(&self, options: &DevOptions) -> IpAddr {
        options
            .host
            .or(self.stack.dev.host)
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    pub(crate) fn port(&self, options: &DevOptions) -> u16 {
        options.port.or(self.stack.dev.port).unwrap_or(PORT)
    }

    /// Local data, in miniflare's layout.
    pub(crate) fn state(&self) -> Utf8PathBuf {
        match (&self.folder, &self.stack.dev.persist) {
            (None, Some(persist)) => persist.clone(),
            _ => self.folder().join("state"),
        }
    }

    /// What tiny writes for the runtime; not worth keeping.
    pub(crate) fn run(&self) -> Utf8PathBuf {
        self.folder().join("run")
    }

    fn folder(&self) -> Utf8PathBuf {
        match &self.folder {
            Some(folder) => folder.clone(),
            None => self.stack.root.join(PRIVATE_FOLDER).join("dev"),
        }
    }

    /// Makes the folders and takes them for this session.
    pub(crate) fn claim(&self) -> Result<Claim, DevError> {
        let folder = self.folder();
        if self.folder.is_none() {
            tiny_manifest::make_private_folder(&self.stack.root.join(PRIVATE_FOLDER))?;
        }
        fs_err::create_dir_all(&folder)?;
        let state = self.state();
        fs_err::create_dir_all(&state)?;
        Claim::take(&state)
    }

    /// Deletes the local data. The runtime must not be running.
    pub(crate) fn clear_data(&self) -> Result<(), DevError> {
        let state = self.state();
        if state.is_dir() {
            for entry in state.read_dir_utf8()? {
                let entry = entry?;
                if entry.file_name() == LOCK {
                    continue;
                }
                if entry.file_type()?.is_dir() {
                    fs_err::remove_dir_all(entry.path())?;
                } else {
                    fs_err::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// Everything to watch that needs no build to be known.
    pub(crate) fn watch_set(&self, options: &DevOptions) -> WatchSet {
        let mut set = WatchSet::default();
        set.files.insert(options.manifest.clone());
        set.files.extend(self.settings(options));
        for worker in &self.stack.workers {
            set.files.insert(worker.crate_dir.join("Cargo.toml"));
            set.files.insert(worker.crate_dir.join("build.rs"));
            set.trees.insert(worker.crate_dir.join("src"));
            set.files
                .extend(worker.entry.iter().map(|entry| entry.path.clone()));
            set.trees
                .extend(worker.assets.iter().map(|assets| assets.directory.clone()));
        }
        set.trees.extend(self.migrations());
        set
    }

    fn settings(&self, options: &DevOptions) -> Vec<Utf8PathBuf> {
        let root = &self.stack.root;
        let mut files = self.stack.sources.clone();
        // One that appears counts as well.
        files.push(root.join(".dev.vars"));
        files.extend(SecretValues::dev_files(root, options.stage.as_str()));
        files
    }

    fn migrations(&self) -> impl Iterator<Item = Utf8PathBuf> + '_ {
        let migrations = self.stack.d1.iter().filter_map(|d1| d1.migrations.as_ref());
        migrations.map(|migrations| migrations.folder.clone())
    }

    pub(crate) fn touched(&self, paths: &BTreeSet<Utf8PathBuf>, options: &DevOptions) -> Touched {
        let settings = self.settings(options);
        let migrations: Vec<_> = self.migrations().collect();
        let mut touched = Touched::default();
        for path in paths {
            let within = |folder: &Utf8PathBuf| path.starts_with(folder);
            if settings.contains(path) || *path == options.manifest {
                touched.settings = true;
            } else if migrations.iter().any(within) {
                touched.migrations = true;
            } else if self.worker_assets().any(within) {
                touched.assets = true;
            } else {
                touched.sources = true;
            }
        }
        touched
    }

    pub(crate) fn worker_assets(&self) -> impl Iterator<Item = &Utf8PathBuf> {
        self.stack
            .workers
            .iter()
            .filter_map(|worker| worker.assets.as_ref())
            .map(|assets| &assets.directory)
    }
}

fn assets_config(
    assets: &tiny_manifest::Assets,
    packages: Vec<tiny_assets::Package>,
) -> tiny_assets::Config {
    use tiny_manifest::{
        HtmlHandling as Html, NotFoundHandling as Missing, RunWorkerFirst as First,
    };
    tiny_assets::Config {
        directory: assets.directory.clone(),
        packages,
        html_handling: match assets.html_handling {
            Html::AutoTrailingSlash => tiny_assets::HtmlHandling::AutoTrailingSlash,
            Html::ForceTrailingSlash => tiny_assets::HtmlHandling::ForceTrailingSlash,
            Html::DropTrailingSlash => tiny_assets::HtmlHandling::DropTrailingSlash,
            Html::None => tiny_assets::HtmlHandling::None,
        },
        not_found_handling: match assets.not_found_handling {
            Missing::None => tiny_assets::NotFoundHandling::None,
            Missing::SinglePageApplication => tiny_assets::NotFoundHandling::SinglePageApplication,
            Missing::NotFoundPage => tiny_assets::NotFoundHandling::NotFoundPage,
        },
        run_worker_first: match &assets.run_worker_first {
            First::Never => tiny_assets::RunWorkerFirst::Never,
            First::Always => tiny_assets::RunWorkerFirst::Always,
            First::Paths(paths) => tiny_assets::RunWorkerFirst::Paths(paths.clone()),
        },
        has_worker: true,
    }
}

/// The name of the lock file in the folder of data.
const LOCK: &str = ".tiny-dev.lock";

/// A folder of data held by this process until it is dropped or ends.
#[derive(Debug)]
pub(crate) struct Claim {
    _file: fs_err::File,
}

impl Claim {
    fn take(state: &Utf8Path) -> Result<Self, DevError> {
        use std::io::{Seek as _, Write as _};
        let path = state.join(LOCK);
        let mut file = fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        if file.file().try_lock().is_err() {
            let mut holder = String::new();
            // The name only helps; without it the error stands all the same.
            let _ = file.read_to_string(&mut holder);
            return Err(DevError::Busy {
                folder: state.to_owned(),
                holder: Some(holder.trim().to_owned()).filter(|pid| !pid.is_empty()),
            });
        }
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}
