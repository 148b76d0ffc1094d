//! The way to Cloudflare: the account of the environment, or the local Cloudflare.

use std::net::IpAddr;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use tiny_cloudflare::{Account, Cloudflare, CloudflareError, Patience, Secret, Settings};
use url::Url;

use crate::commands::{Context, current_dir};
use crate::exit::Failure;
use crate::options::CloudChoice;
use crate::trace::HttpTrace;

impl Context<'_> {
    /// Connects to nothing yet.
    pub(crate) fn cloudflare(&self) -> Result<Cloudflare, Failure> {
        let mut settings = self.settings()?;
        if self.globals.trace_http {
            settings.trace = Some(Arc::new(HttpTrace(self.printer.clone())));
        }
        Cloudflare::new(settings).map_err(usage)
    }

    fn settings(&self) -> Result<Settings, Failure> {
        match self.globals.cloud {
            CloudChoice::Account => Settings::from_env().map_err(usage),
            CloudChoice::Local => self.local_cloud(),
        }
    }

    /// The account to work on.
    pub(crate) async fn account(&self) -> Result<Account, Failure> {
        self.cloudflare()?
            .account()
            .await
            .map_err(|error| match error {
                CloudflareError::NoAccount | CloudflareError::SeveralAccounts { .. } => {
                    usage(error)
                }
                error => Failure::from_diagnostic(&error),
            })
    }
}

/// What only another environment cures.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn usage(error: CloudflareError) -> Failure {
    Failure::from_diagnostic(&error).with_code(crate::exit::Code::Usage)
}

impl Context<'_> {
    /// A worker's URL where this machine finds it: the workers.dev of a local Cloudflare are names
    /// below `localhost`.
    pub(crate) fn reachable(&self, url: &str) -> String {
        match self
            .settings()
            .ok()
            .and_then(|settings| local_port(&settings.base_url))
        {
            Some(port) => below_localhost(url, port).unwrap_or_else(|| url.to_owned()),
            None => url.to_owned(),
        }
    }
}

/// The port of a Cloudflare on this machine.
fn local_port(base_url: &str) -> Option<u16> {
    let url = Url::parse(base_url).ok()?;
    let host = url
        .host_str()?
        .trim_start_matches('[')
        .trim_end_matches(']');
    let here = host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    here.then(|| url.port_or_known_default())?
}

/// `https://web.local.workers.dev/` is `http://web.local.localhost:8788/` there.
fn below_localhost(url: &str, port: u16) -> Option<String> {
    let name = url.strip_prefix("https://")?;
    let (name, path) = name
        .split_once('/')
        .map_or((name, ""), |(name, path)| (name, path));
    let name = name.strip_suffix(".workers.dev")?;
    let slash = if path.is_empty() { "" } else { "/" };
    Some(format!("http://{name}.localhost:{port}{slash}{path}"))
}

/// Where `tiny cloud` keeps its data, below the project.
const LOCAL_FOLDER: &str = ".tiny/cloud";

impl Context<'_> {
    /// The folder of this project's local Cloudflare: beside the manifest, else here.
    pub(crate) fn local_cloud_folder(&self) -> Result<Utf8PathBuf, Failure> {
        let root = match self.manifest_path() {
            Ok(manifest) => manifest.parent().map(Utf8Path::to_owned),
            Err(_) => None,
        };
        let root = root.map_or_else(current_dir, Ok)?;
        Ok(root.join(LOCAL_FOLDER))
    }

    /// `--cloud local` was said, and none runs.
    pub(crate) fn wants_local_cloud(&self) -> Result<bool, Failure> {
        Ok(self.globals.cloud == CloudChoice::Local
            && tiny_cloud::running(&self.local_cloud_folder()?).is_none())
    }

    pub(crate) fn no_local_cloud(&self) -> Result<Failure, Failure> {
        let folder = self.local_cloud_folder()?;
        Ok(
            Failure::failed(format!("no local Cloudflare runs on {folder}")).with_help(
                "start one with `tiny cloud`; at a terminal `tiny deploy --cloud local` does it by itself".to_owned(),
            ),
        )
    }

    /// How the local Cloudflare of this project is reached.
    fn local_cloud(&self) -> Result<Settings, Failure> {
        match tiny_cloud::running(&self.local_cloud_folder()?) {
            Some(running) => Ok(local_settings(running.base_url, running.account_id)),
            None => Err(self.no_local_cloud()?),
        }
    }
}

fn local_settings(base_url: String, account_id: String) -> Settings {
    Settings {
        base_url,
        token: Secret::new(crate::local_cloud::TOKEN),
        account_id: Some(account_id),
        patience: Patience::default(),
        trace: None,
    }
}
