//! The media type of a file, by its extension.

use camino::Utf8Path;
use http::HeaderValue;

/// `None` when the extension says nothing.
pub(crate) fn content_type(path: &Utf8Path) -> Option<HeaderValue> {
    let kind = match path.extension() {
        Some(extension) => as_cloudflare(&extension.to_ascii_lowercase()),
        None => None,
    };
    let kind = match kind {
        Some(kind) => kind,
        None => mime_guess::from_path(path).first_raw()?,
    };
    Some(if kind.starts_with("text/") {
        HeaderValue::try_from(format!("{kind}; charset=utf-8")).ok()?
    } else {
        HeaderValue::from_static(kind)
    })
}

/// Where wrangler's table differs, of what pages are made of.
fn as_cloudflare(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "ico" => "image/vnd.microsoft.icon",
        "jsx" => "text/jsx",
        "m3u8" => "application/vnd.apple.mpegurl",
        "m4a" => "audio/mp4",
        "manifest" => "text/cache-manifest",
        "map" => "application/json",
        "mid" | "midi" => "audio/midi",
        "mjs" => "text/javascript",
        "obj" => "model/obj",
        "otf" => "font/otf",
        "stl" => "model/stl",
        "toml" => "application/toml",
        "ts" => "video/mp2t",
        "usdz" => "model/vnd.usdz+zip",
        "wgsl" => "text/wgsl",
        "woff" => "font/woff",
        "xml" => "application/xml",
        "yaml" | "yml" => "text/yaml",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_text_says_that_it_is_utf8() {
        for (path, kind) in [
            ("/a/index.html", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.MJS", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.wasm", "application/wasm"),
            ("a.svg", "image/svg+xml"),
            ("favicon.ico", "image/vnd.microsoft.icon"),
            ("a.woff", "font/woff"),
            ("a.woff2", "font/woff2"),
            ("sitemap.xml", "application/xml"),
            ("a.tar.gz", "application/gzip"),
        ] {
            assert_eq!(content_type(path.into()).unwrap(), kind, "{path}");
        }
    }

    #[test]
    fn what_says_nothing_has_no_type() {
        for path in ["/a/LICENSE", "/a.b/c", "/a/.png", "a.unheard-of"] {
            assert_eq!(content_type(path.into()), None, "{path}");
        }
    }
}
