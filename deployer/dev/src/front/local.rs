//! `/cdn-cgi/`: what the front answers itself, for pages of this machine only.

use std::borrow::Cow;
use std::net::IpAddr;

use http_body_util::{BodyExt as _, Limited};
use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;

use super::body::Body;
use super::busy::Work;
use super::hosts::{is_localhost, name_of};
use super::{Mail, Peer, Shared, live, page};

/// As Cloudflare has it, in bytes.
const LARGEST_MAIL: usize = 25 * 1024 * 1024;

/// Everything below it belongs to Cloudflare, or here to its stand-in.
pub(crate) const PREFIX: &str = "/cdn-cgi/";

const OTHER_SITE: &str = "/cdn-cgi/ answers requests of this machine's own pages only: \
                          use http://localhost, without an Origin of another site";

const OTHER_MACHINE: &str = "/cdn-cgi/ answers this machine only: use http://localhost there";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// An answer, and the worker that it is about, for the log.
pub(crate) struct Local {
    pub(crate) response: Response<Body>,
    pub(crate) worker: Option<String>,
}

impl From<Response<Body>> for Local {
    fn from(response: Response<Body>) -> Self {
        Self {
            response,
            worker: None,
        }
    }
}

/// The request comes back where the worker's runtime may know the path.
pub(crate) async fn answer<
    B: hyper::body::Body<Error: std::error::Error + Send + Sync + 'static>,
>(
    front: &Shared,
    peer: &Peer,
    request: Request<B>,
) -> Result<Local, Request<B>> {
    if !is_from_here(request.headers(), peer.local) {
        return Ok(refused(OTHER_SITE).into());
    }
    Ok(match request.uri().path() {
        // Pages on other devices are reloaded, too.
        "/cdn-cgi/tiny/live" => only_get(&request, || front.live.subscribe()).into(),
        live::CLIENT_PATH => only_get(&request, live::Live::client).into(),
        _ if !peer.is_loopback => refused(OTHER_MACHINE).into(),
        "/cdn-cgi/handler/scheduled" | "/cdn-cgi/local/scheduled" | "/cdn-cgi/mf/scheduled" => {
            scheduled(front, &request).await
        }
        "/cdn-cgi/handler/email" | "/cdn-cgi/local/email" => email(front, request).await,
        _ => return Err(request),
    })
}

fn only_get<B>(request: &Request<B>, answer: impl FnOnce() -> Response<Body>) -> Response<Body> {
    if request.method() == Method::GET {
        answer()
    } else {
        page::text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here")
    }
}

fn refused(why: &str) -> Response<Body> {
    page::text(StatusCode::FORBIDDEN, why)
}

async fn scheduled<B>(front: &Shared, request: &Request<B>) -> Local {
    let query = request.uri().query().unwrap_or_default();
    let cron = parameter(query, "cron").unwrap_or_default();
    let time = match parameter(query, "time").map(|time| time.parse()) {
        None => None,
        Some(Ok(time)) => Some(time),
        Some(Err(_)) => {
            return page::text(
                StatusCode::BAD_REQUEST,
                "time must be in milliseconds since 1970, such as time=1767225600000",
            )
            .into();
        }
    };
    let visit = match front.gate.enter(host_of(request)).await {
        Ok(visit) => visit,
        Err(failure) => return page::failure(&failure, &page::Reader::Program).into(),
    };
    let worker = visit.upstream().name.clone();
    let _ticket = front
        .in_flight
        .begin(&worker, work(request.method(), request.uri().path()));
    let outcome = front
        .control
        .scheduled(worker.clone(), cron.into_owned(), time)
        .await;
    let response = match outcome {
        Ok(outcome) if outcome == "ok" => page::text(StatusCode::OK, outcome),
        Ok(outcome) => page::text(StatusCode::INTERNAL_SERVER_ERROR, outcome),
        Err(why) => page::text(StatusCode::INTERNAL_SERVER_ERROR, why),
    };
    Local {
        response,
        worker: Some(worker),
    }
}

/// A message for the worker's email handler: the envelope in the query, the rest as the body.
async fn email<B: hyper::body::Body<Error: std::error::Error + Send + Sync + 'static>>(
    front: &Shared,
    request: Request<B>,
) -> Local {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let (from, to) = (parameter(query, "from"), parameter(query, "to"));
    let (Some(from), Some(to), &Method::POST) = (from, to, &parts.method) else {
        return page::text(
            StatusCode::BAD_REQUEST,
            "POST the message, with its envelope in the query: ?from=a@example.com&to=b@example.com",
        )
        .into();
    };
    let (from, to) = (from.into_owned(), to.into_owned());
    let raw = match Limited::new(body, LARGEST_MAIL).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            return page::text(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("a message has at most 25 MiB: {error}"),
            )
            .into();
        }
    };
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let visit = match front.gate.enter(host).await {
        Ok(visit) => visit,
        Err(failure) => return page::failure(&failure, &page::Reader::Program).into(),
    };
    let worker = visit.upstream().name.clone();
    let _ticket = front
        .in_flight
        .begin(&worker, work(&parts.method, parts.uri.path()));
    let outcome = front
        .control
        .email(worker.clone(), Mail { from, to, raw })
        .await;
    Local {
        response: match outcome {
            Ok(outcome) => page::text(StatusCode::OK, outcome),
            Err(why) => page::text(StatusCode::INTERNAL_SERVER_ERROR, why),
        },
        worker: Some(worker),
    }
}

/// A request, as it is named to people.
pub(crate) fn work(method: &Method, path: &str) -> Work {
    Work::Request {
        method: method.as_str().to_owned(),
        path: path.to_owned(),
    }
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (_, value) = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)?;
    if !value.contains(['+', '%']) {
        return Some(Cow::Borrowed(value));
    }
    let spaced = value.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8_lossy();
    Some(Cow::Owned(decoded.into_owned()))
}

/// The host that a request is for.
pub(crate) fn host_of<B>(request: &Request<B>) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(HOST)?.to_str().ok(),
    }
}

/// Whether the page that `request` asks for could load something from [`PREFIX`].
pub(crate) fn is_for_here<B>(request: &Request<B>, peer: &Peer) -> bool {
    host_of(request).is_some_and(|host| is_own(host, peer.local))
}

/// Whether no other site can be behind a request. A name of somebody else that points to this
/// machine shows in Host, a page of another site in Origin, or in Sec-Fetch-Site.
fn is_from_here(headers: &HeaderMap, local: IpAddr) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    if !is_own(host, local) {
        return false;
    }
    // `none`: typed, or a bookmark. Another port of this machine is `same-site`.
    if headers
        .get(SEC_FETCH_SITE)
        .is_some_and(|site| site != "same-origin" && site != "none")
    {
        return false;
    }
    headers.get(ORIGIN).is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        ["http://", "https://"]
            .iter()
            .find_map(|scheme| origin.strip_prefix(scheme))
            .is_some_and(|origin| origin.eq_ignore_ascii_case(host))
    })
}

fn is_own(host: &str, local: IpAddr) -> bool {
    let name = name_of(host);
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || address == local,
        Err(_) => is_localhost(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(list: &[(&'static str, &'static str)]) -> bool {
        let headers = list
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        is_from_here(&headers, [192, 168, 1, 5].into())
    }

    #[test]
    fn this_machine_may() {
        for host in [
            "localhost",
            "localhost:1338",
            "LOCALHOST:1338",
            "127.0.0.1:1338",
            "[::1]:1338",
            "todo.localhost:1338",
            "192.168.1.5:1338",
        ] {
            assert!(is_allowed(&[("host", host)]), "{host}");
        }
        assert!(is_allowed(&[
            ("host", "localhost:1338"),
            ("origin", "http://localhost:1338"),
            ("sec-fetch-site", "same-origin"),
        ]));
        assert!(is_allowed(&[
            ("host", "localhost"),
            ("sec-fetch-site", "none")
        ]));
    }

    #[test]
    fn others_may_not() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "192.168.1.6",
            "evillocalhost",
            "",
        ] {
            assert!(!is_allowed(&[("host", host)]), "{host}");
        }
        assert!(!is_allowed(&[]));
        for origin in ["http://evil.example", "null", "http://localhost:3000"] {
            assert!(
                !is_allowed(&[("host", "localhost:1338"), ("origin", origin)]),
                "{origin}"
            );
        }
        for site in ["cross-site", "same-site"] {
            assert!(
                !is_allowed(&[("host", "localhost:1338"), ("sec-fetch-site", site)]),
                "{site}"
            );
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let query = "cron=0+4+*+*+%2A&time=5";
        assert_eq!(parameter(query, "cron").unwrap(), "0 4 * * *");
        assert_eq!(parameter(query, "time").unwrap(), "5");
        assert_eq!(parameter(query, "other"), None);
    }
}
