//! The values of KV and R2, through the simulators that the workers' bindings lead to as well.
//! They are spoken to as workerd's own bindings speak to Cloudflare.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::control::{self, Controller};
use crate::error::RuntimeError;
use crate::token::TOKEN_HEADER;

const KV_METADATA: &str = "cf-kv-metadata";
const KV_EXPIRATION: &str = "cf-expiration";
const R2_REQUEST: &str = "cf-r2-request";
const R2_METADATA_SIZE: &str = "cf-r2-metadata-size";

/// A value of a KV namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    pub value: Bytes,
    pub metadata: Option<Value>,
    /// Seconds since 1970.
    pub expiration: Option<u64>,
}

/// Some of a namespace's keys, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvPage {
    pub keys: Vec<KvKey>,
    /// Where the list goes on.
    pub cursor: Option<String>,
}

/// A key in a list of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvKey {
    pub name: String,
    pub metadata: Option<Value>,
    /// Seconds since 1970.
    pub expiration: Option<u64>,
}

/// What is known of an object in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct R2Head {
    #[serde(rename = "name")]
    pub key: String,
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// Milliseconds since 1970.
    pub uploaded: u64,
    #[serde(rename = "httpFields", default)]
    http: HttpFields,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct HttpFields {
    #[serde(rename = "contentType")]
    content_type: Option<String>,
}

/// Some of a bucket's objects, in the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct R2Page {
    pub objects: Vec<R2Head>,
    /// Where the list goes on.
    #[serde(default)]
    pub cursor: Option<String>,
}

impl R2Head {
    pub fn content_type(&self) -> Option<&str> {
        self.http.content_type.as_deref()
    }
}

#[derive(Deserialize)]
struct Listed {
    keys: Vec<ListedKey>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct ListedKey {
    name: String,
    expiration: Option<u64>,
    /// JSON as text.
    metadata: Option<String>,
}

/// Needs [`crate::Reach::kv`], or [`crate::Reach::r2`]. A namespace or a bucket is there as soon as it is named.
impl Controller {
    pub async fn kv_get(
        &self,
        namespace: &str,
        key: &str,
    ) -> Result<Option<KvEntry>, RuntimeError> {
        let request = Request::get(kv_path(key, ""));
        let answer = self.value("kv", namespace, request, Bytes::new()).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = whole(answer)?;
        let header = |name| answer.headers().get(name).map(HeaderValue::as_bytes);
        Ok(Some(KvEntry {
            metadata: header(KV_METADATA).and_then(|json| serde_json::from_slice(json).ok()),
            expiration: header(KV_EXPIRATION)
                .and_then(|seconds| std::str::from_utf8(seconds).ok()?.parse().ok()),
            value: answer.into_body(),
        }))
    }

    pub async fn kv_put(
        &self,
        namespace: &str,
        key: &str,
        entry: KvEntry,
    ) -> Result<(), RuntimeError> {
        let expiration = entry
            .expiration
            .map(|seconds| format!("&expiration={seconds}"))
            .unwrap_or_default();
        let mut request = Request::put(kv_path(key, &expiration));
        if let Some(metadata) = &entry.metadata {
            request = request.header(KV_METADATA, ascii(metadata));
        }
        whole(self.value("kv", namespace, request, entry.value).await?).map(drop)
    }

    /// Also where there is none.
    pub async fn kv_delete(&self, namespace: &str, key: &str) -> Result<(), RuntimeError> {
        let request = Request::delete(kv_path(key, ""));
        whole(self.value("kv", namespace, request, Bytes::new()).await?).map(drop)
    }

    /// At most 1000 keys at once.
    pub async fn kv_list(
        &self,
        namespace: &str,
        prefix: &str,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<KvPage, RuntimeError> {
        let mut path = format!("/?key_count_limit={limit}&prefix={}", escaped(prefix));
        if let Some(cursor) = cursor {
            path.push_str("&cursor=");
            path.push_str(&escaped(cursor));
        }
        let answer = self
            .value("kv", namespace, Request::get(path), Bytes::new())
            .await?;
        let listed: Listed = read(whole(answer)?.body())?;
        Ok(KvPage {
            keys: listed
                .keys
                .into_iter()
                .map(|key| KvKey {
                    name: key.name,
                    metadata: key
                        .metadata
                        .and_then(|json| serde_json::from_str(&json).ok()),
                    expiration: key.expiration,
                })
                .collect(),
            cursor: listed.cursor.filter(|cursor| !cursor.is_empty()),
        })
    }

    pub async fn r2_get(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<(R2Head, Bytes)>, RuntimeError> {
        let ask = json!({ "version": 1, "method": "get", "object": key });
        let request = Request::get("/").header(R2_REQUEST, ascii(&ask));
        let answer = self.value("r2", bucket, request, Bytes::new()).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let (head, body) = with_head(whole(answer)?)?;
        Ok(Some((head, body)))
    }

    pub async fn r2_put(
        &self,
        bucket: &str,
        key: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<R2Head, RuntimeError> {
        let ask = json!({
            "version": 1,
            "method": "put",
            "object": key,
            "httpFields": content_type.map_or_else(|| json!({}), |kind| json!({ "contentType": kind })),
        });
        let answer = self.r2_change(bucket, &ask, body).await?;
        with_head(answer).map(|(head, _)| head)
    }

    /// Also where there is none.
    pub async fn r2_delete(&self, bucket: &str, key: &str) -> Result<(), RuntimeError> {
        let ask = json!({ "version": 1, "method": "delete", "object": key });
        self.r2_change(bucket, &ask, &[]).await.map(drop)
    }

    pub async fn r2_list(
        &self,
        bucket: &str,
        prefix: &str,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<R2Page, RuntimeError> {
        let mut ask = json!({
            "version": 1,
            "method": "list",
            "limit": limit,
            "prefix": prefix,
            "include": [0, 1],
        });
        if let Some(cursor) = cursor {
            ask["cursor"] = json!(cursor);
        }
        let request = Request::get("/").header(R2_REQUEST, ascii(&ask));
        let answer = self.value("r2", bucket, request, Bytes::new()).await?;
        read(whole(answer)?.body())
    }

    async fn r2_change(
        &self,
        bucket: &str,
        ask: &Value,
        body: &[u8],
    ) -> Result<Response<Bytes>, RuntimeError> {
        let ask = ask.to_string();
        let mut whole_body = BytesMut::with_capacity(ask.len() + body.len());
        whole_body.extend_from_slice(ask.as_bytes());
        whole_body.extend_from_slice(body);
        let request = Request::put("/").header(R2_METADATA_SIZE, ask.len());
        whole(
            self.value("r2", bucket, request, whole_body.freeze())
                .await?,
        )
    }

    async fn value(
        &self,
        product: &'static str,
        name: &str,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<Response<Bytes>, RuntimeError> {
        let request = request
            .header(HOST, "tiny")
            .header(TOKEN_HEADER, self.token.as_str())
            .header("x-tiny-values", product)
            .header("x-tiny-name", escaped(name));
        let bodiless = matches!(
            request.method_ref(),
            Some(&(Method::GET | Method::DELETE)) | None
        );
        let request = if bodiless {
            request
        } else {
            request.header(CONTENT_LENGTH, body.len())
        };
        let request = request
            .body(Full::new(body))
            .map_err(|error| RuntimeError::Refused(error.to_string()))?;
        control::exchange(self.address, request).await
    }
}

fn kv_path(key: &str, more: &str) -> String {
    format!("/{}?urlencoded=true{more}", escaped(key))
}

/// Everything but what no URL and no header gives a meaning.
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail. A dot is escaped too: as a whole segment it would
            // be gone from the path.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// JSON that a header can hold.
fn ascii(value: &Value) -> String {
    use std::fmt::Write as _;
    let mut ascii = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

fn whole(answer: Response<Bytes>) -> Result<Response<Bytes>, RuntimeError> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let reason = answer
        .headers()
        .get("cf-r2-error")
        .and_then(|error| serde_json::from_slice::<Value>(error.as_bytes()).ok())
        .and_then(|error| error["message"].as_str().map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(answer.body()).into_owned());
    Err(RuntimeError::Refused(reason))
}

/// An object's description comes before its body.
fn with_head(answer: Response<Bytes>) -> Result<(R2Head, Bytes), RuntimeError> {
    let size = answer
        .headers()
        .get(R2_METADATA_SIZE)
        .and_then(|size| size.to_str().ok()?.parse().ok())
        .unwrap_or(answer.body().len());
    let mut body = answer.into_body();
    let head = body.split_to(size.min(body.len()));
    Ok((read(&head)?, body))
}

fn read<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, RuntimeError> {
    serde_json::from_slice(json)
        .map_err(|error| RuntimeError::Refused(format!("the simulator broke off: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_metadata_pass_through_urls_and_headers() {
        assert_eq!(escaped("a/b ü?.."), "a%2Fb%20%C3%BC%3F%2E%2E");
        let value = json!({ "name": "ü 🦀" });
        assert_eq!(ascii(&value), r#"{"name":"\u00fc \ud83e\udd80"}"#);
        assert_eq!(read::<Value>(ascii(&value).as_bytes()).unwrap(), value);
    }
}
