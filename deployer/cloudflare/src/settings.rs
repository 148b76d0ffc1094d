//! Where the API is and who calls it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::error::CloudflareError;
use crate::secret::Secret;
use crate::transport::patience::Patience;
use crate::transport::trace::Trace;

const CLOUDFLARE: &str = "https://api.cloudflare.com/client/v4";

/// What a client is made of.
#[derive(Clone)]
pub struct Settings {
    /// Ends with `/client/v4`, or whatever stands there in its place.
    pub base_url: String,
    pub token: Secret,
    /// Where it is known; else Cloudflare is asked.
    pub account_id: Option<String>,
    pub patience: Patience,
    pub trace: Option<Arc<dyn Trace>>,
}

impl Settings {
    /// From `CLOUDFLARE_API_TOKEN`, `CLOUDFLARE_ACCOUNT_ID` and `CLOUDFLARE_API_BASE_URL`, the names
    /// that wrangler's users know. An empty variable counts as none.
    pub fn from_env() -> Result<Self, CloudflareError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// The same, from an environment of the caller's making. For tests that break many calls,
    /// `TINY_RETRY_PAUSE_MS` shortens the pauses between attempts, and `TINY_ANSWER_MS` the time
    /// that an answer is waited for.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, CloudflareError> {
        let read = |name| {
            lookup(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let token = read("CLOUDFLARE_API_TOKEN").ok_or(CloudflareError::NoToken)?;
        let time = |name| {
            let time = read(name)?.parse().ok()?;
            Some(Duration::from_millis(time))
        };
        let mut patience = Patience::default();
        if let Some(pause) = time("TINY_RETRY_PAUSE_MS") {
            patience = patience.with_pauses_from(pause);
        }
        if let Some(answer) = time("TINY_ANSWER_MS") {
            patience.answer = answer;
        }
        Ok(Self {
            base_url: read("CLOUDFLARE_API_BASE_URL").unwrap_or_else(|| CLOUDFLARE.to_owned()),
            token: Secret::new(token),
            account_id: read("CLOUDFLARE_ACCOUNT_ID"),
            patience,
            trace: None,
        })
    }

    /// The HTTP client for these settings, and the base URL with no slash at its end.
    pub(crate) fn http_client(&self) -> Result<(reqwest::Client, String), CloudflareError> {
        if !self
            .token
            .reveal()
            .bytes()
            .all(|byte| byte.is_ascii_graphic())
        {
            return Err(CloudflareError::BadToken);
        }
        let bad = |why: &str| CloudflareError::BadBaseUrl {
            value: self.base_url.clone(),
            why: why.to_owned(),
        };
        let url = Url::parse(&self.base_url).map_err(|error| bad(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("it is neither http nor https"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it must end with a path"));
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("tiny/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.patience.connect)
            // The API never redirects; whoever does is not the API, and must not get the token.
            .redirect(reqwest::redirect::Policy::none())
            // Shorter than any server's, so that no call goes out on a connection just closed.
            .pool_idle_timeout(Duration::from_secs(20))
            .tcp_nodelay(true);
        if is_local(&url) {
            builder = builder.no_proxy();
        }
        let ring = rustls::crypto::ring::default_provider();
        let builder = if url.scheme() == "http" {
            // Certificates are neither needed nor read.
            let tls = rustls::ClientConfig::builder_with_provider(Arc::new(ring))
                .with_safe_default_protocol_versions()
                .map_err(|error| CloudflareError::NoClient {
                    why: error.to_string(),
                })?
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            builder.tls_backend_preconfigured(tls)
        } else {
            // Somebody else in this process may have chosen one; any will do.
            drop(ring.install_default());
            builder
        };
        let client = builder.build().map_err(|error| CloudflareError::NoClient {
            why: std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string),
        })?;
        Ok((client, self.base_url.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("base_url", &self.base_url)
            .field("token", &self.token)
            .field("account_id", &self.account_id)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// A proxy cannot reach this machine's own addresses.
fn is_local(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, CloudflareError> {
        Settings::from_lookup(|name| {
            variables
                .iter()
                .find(|(variable, _)| *variable == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_is_read_with_the_names_of_wrangler() {
        let read = settings(&[
            ("CLOUDFLARE_API_TOKEN", "t0ken\n"),
            ("CLOUDFLARE_ACCOUNT_ID", ""),
        ])
        .unwrap();
        assert_eq!(read.token.reveal(), "t0ken");
        assert_eq!(read.account_id, None);
        assert_eq!(read.base_url, "https://api.cloudflare.com/client/v4");
        assert!(!format!("{read:?}").contains("t0ken"));
        read.http_client().unwrap();

        let local = settings(&[
            ("CLOUDFLARE_API_TOKEN", "t0ken"),
            ("CLOUDFLARE_ACCOUNT_ID", "abc"),
            (
                "CLOUDFLARE_API_BASE_URL",
                "http://localhost:8788/client/v4/",
            ),
        ])
        .unwrap();
        assert_eq!(local.account_id.as_deref(), Some("abc"));
        let (_, base) = local.http_client().unwrap();
        assert_eq!(base, "http://localhost:8788/client/v4");
    }

    #[test]
    fn waiting_is_shorter_where_the_environment_says_so() {
        let read = settings(&[
            ("CLOUDFLARE_API_TOKEN", "t0ken"),
            ("TINY_RETRY_PAUSE_MS", "2"),
            ("TINY_ANSWER_MS", "1500"),
        ])
        .unwrap();
        assert_eq!(read.patience.answer, Duration::from_millis(1500));
        assert_eq!(read.patience.first_pause, Duration::from_millis(2));
        assert!(read.patience.longest_pause < Patience::default().longest_pause);
    }

    #[test]
    fn what_cannot_work_is_refused_before_the_first_call() {
        assert!(matches!(settings(&[]), Err(CloudflareError::NoToken)));
        for (token, base, expected) in [
            (
                "two\nlines",
                "https://x.example",
                "a character that no token has",
            ),
            ("t", "localhost:8788", "neither http nor https"),
            ("t", "x", "relative URL without a base"),
            ("t", "http://x.example/?a=b", "must end with a path"),
        ] {
            let read = settings(&[
                ("CLOUDFLARE_API_TOKEN", token),
                ("CLOUDFLARE_API_BASE_URL", base),
            ])
            .unwrap();
            let error = read.http_client().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn only_other_machines_are_reached_through_a_proxy() {
        for (url, local) in [
            ("http://127.0.0.1:8788/x", true),
            ("http://[::1]:8788/x", true),
            ("http://api.localhost/x", true),
            ("https://api.cloudflare.com/client/v4", false),
            ("http://10.0.0.1/x", false),
        ] {
            assert_eq!(is_local(&Url::parse(url).unwrap()), local, "{url}");
        }
    }
}
