//! The first request to what was just deployed: a deploy that nobody can use has not worked.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use crate::exit::Failure;

/// How long a name may take to be known everywhere, and a first answer to come.
const PROPAGATION: Duration = Duration::from_secs(30);
/// Errors of the worker itself are no matter of waiting; a few are seen while a version spreads.
const TRIES: u32 = 4;
const ONE_REQUEST: Duration = Duration::from_secs(15);
/// Of what the worker answered.
const QUOTED_LINES: usize = 8;
/// What stands at a workers.dev address while nothing is known there.
const NOT_THERE_YET: &str = "nothing here yet";

/// An answer that is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Smoke {
    pub(crate) status: u16,
    pub(crate) took: Duration,
}

enum Attempt {
    Good(Smoke),
    /// The name or the worker is not known there yet, perhaps.
    Unreached(String),
    /// The worker answered, badly.
    Bad(String),
}

/// Asks once, and again while that may help.
pub(crate) async fn smoke(url: &str) -> Result<Smoke, Failure> {
    let client = client(url)?;
    let started = Instant::now();
    let mut pause = Duration::from_millis(250);
    let mut answers = 0;
    loop {
        let why = match attempt(&client, url).await {
            Attempt::Good(smoke) => return Ok(smoke),
            Attempt::Unreached(why) if started.elapsed() >= PROPAGATION => why,
            Attempt::Unreached(_) => {
                pause_for(&mut pause).await;
                continue;
            }
            Attempt::Bad(_) if answers + 1 < TRIES => {
                answers += 1;
                pause_for(&mut pause).await;
                continue;
            }
            Attempt::Bad(why) => why,
        };
        return Err(Failure::failed(format!("{url} does not answer as it should: {why}")).with_help(
            "the deployment stays as it is; `tiny logs` shows what the worker says, `tiny rollback` goes back, `--no-smoke` does not ask".to_owned(),
        ));
    }
}

async fn pause_for(pause: &mut Duration) {
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(Duration::from_secs(4));
}

async fn attempt(client: &reqwest::Client, url: &str) -> Attempt {
    let started = Instant::now();
    let response = match client.get(url).send().await {
        Ok(response) => response,
        Err(error) => {
            let why = deepest(&error);
            return Attempt::Unreached(why);
        }
    };
    let status = response.status();
    let took = started.elapsed();
    if status.as_u16() < 400 {
        return Attempt::Good(Smoke {
            status: status.as_u16(),
            took,
        });
    }
    let text = response.text().await.unwrap_or_default();
    if status.as_u16() == 404 && text.to_ascii_lowercase().contains(NOT_THERE_YET) {
        return Attempt::Unreached("Cloudflare does not know the worker there yet".to_owned());
    }
    if status.is_client_error() {
        // It runs; what it wants to be asked is its own affair.
        return Attempt::Good(Smoke {
            status: status.as_u16(),
            took,
        });
    }
    Attempt::Bad(format!("{status}{}", quoted(&text)))
}

/// The beginning of an answer, indented.
fn quoted(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .take(QUOTED_LINES)
        .fold(String::new(), |quoted, line| {
            let line: String = line.chars().take(200).collect();
            quoted + "\n    " + &line
        })
}

fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Redirects are an answer. Names below `localhost` are this machine, whatever its resolver says.
fn client(url: &str) -> Result<reqwest::Client, Failure> {
    let cannot = |error: String| Failure::failed(format!("cannot ask {url}: {error}"));
    let parsed = Url::parse(url).map_err(|error| cannot(error.to_string()))?;
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("tiny/", env!("CARGO_PKG_VERSION"), " smoke"))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ONE_REQUEST);
    if let Some(host) = parsed
        .host_str()
        .filter(|host| host.ends_with(".localhost"))
    {
        let port = parsed.port_or_known_default().unwrap_or(80);
        builder = builder
            .no_proxy()
            .resolve(host, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    // Somebody else in this process may have chosen one; any will do.
    drop(rustls::crypto::ring::default_provider().install_default());
    if parsed.scheme() == "http" {
        // Certificates are neither needed nor read.
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .map_err(|error| cannot(error.to_string()))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
        builder = builder.tls_backend_preconfigured(tls);
    }
    builder.build().map_err(|error| cannot(deepest(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_bad_answer_the_beginning_is_quoted() {
        let text = "error code: 1101\n\n".to_owned() + &"more\n".repeat(20);
        let quoted = quoted(&text);
        assert!(
            quoted.starts_with("\n    error code: 1101\n    more"),
            "{quoted}"
        );
        assert_eq!(quoted.lines().count(), QUOTED_LINES + 1);
    }
}
