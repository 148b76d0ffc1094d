//! `request.cf`: what Cloudflare tells a worker about a request besides its headers.

use hyper::Version;
use hyper::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};

use crate::config::CF_HEADER;

/// workerd takes it off the request and makes an object of it.
const HEADER: HeaderName = HeaderName::from_static(CF_HEADER);

/// Where the request would have come from: the place that wrangler makes up, too.
const PLACE: &str = r#"{"asOrganization":"","asn":395747,"city":"Austin","clientTcpRtt":0,"clientTrustScore":99,"colo":"DFW","continent":"NA","country":"US","edgeRequestKeepAliveStatus":1,"isEUCountry":false,"latitude":"30.27130","longitude":"-97.74260","metroCode":"635","postalCode":"78701","region":"Texas","regionCode":"TX","requestPriority":"weight=192;exclusive=0","timezone":"America/Chicago","tlsCipher":"AEAD-AES128-GCM-SHA256","tlsClientAuth":{"certPresented":"0","certVerified":"NONE"},"tlsVersion":"TLSv1.3""#;

/// Puts it on a request, in place of what a client may have put there itself.
pub fn tell_cf(version: Version, headers: &mut HeaderMap) {
    let encodings = headers
        .get(ACCEPT_ENCODING)
        .and_then(|encodings| encodings.to_str().ok())
        .unwrap_or_default();
    let protocol = if version == Version::HTTP_10 {
        "HTTP/1.0"
    } else {
        "HTTP/1.1"
    };
    let cf = format!(
        "{PLACE},\"httpProtocol\":\"{protocol}\",\"clientAcceptEncoding\":{}}}",
        serde_json::Value::from(encodings)
    );
    match HeaderValue::try_from(cf) {
        Ok(cf) => headers.insert(HEADER, cf),
        // Cannot be: all of it is visible ASCII.
        Err(_) => headers.remove(HEADER),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_tell_it_and_cannot_break_it() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, HeaderValue::from_static("{\"country\":\"T1\"}"));
        headers.append(HEADER, HeaderValue::from_static("again"));
        headers.insert(
            ACCEPT_ENCODING,
            HeaderValue::from_static("gzip\",\"country\":\"T1"),
        );
        tell_cf(Version::HTTP_11, &mut headers);
        let told: Vec<_> = headers.get_all(HEADER).iter().collect();
        let [told] = told[..] else {
            panic!("{told:?}");
        };
        let told = told.to_str().unwrap();
        assert!(told.contains(r#""colo":"DFW""#), "{told}");
        assert!(
            told.ends_with(
                r#","httpProtocol":"HTTP/1.1","clientAcceptEncoding":"gzip\",\"country\":\"T1"}"#
            ),
            "{told}"
        );
    }
}
