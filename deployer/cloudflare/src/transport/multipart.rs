//! `multipart/form-data`, in memory: a body that may have to be sent again cannot be a stream.

use bytes::{BufMut as _, Bytes, BytesMut};

/// The parts of a form, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Multipart {
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// Sent as the file's name too.
    pub(crate) is_file: bool,
    pub(crate) content_type: String,
    pub(crate) content: Bytes,
}

impl Multipart {
    pub(crate) fn field(mut self, name: &str, content_type: &str, content: Bytes) -> Self {
        self.parts.push(Part {
            name: name.to_owned(),
            is_file: false,
            content_type: content_type.to_owned(),
            content,
        });
        self
    }

    pub(crate) fn file(mut self, name: &str, content_type: &str, content: Bytes) -> Self {
        self.parts.push(Part {
            name: name.to_owned(),
            is_file: true,
            content_type: content_type.to_owned(),
            content,
        });
        self
    }

    /// The content type and the body.
    pub(crate) fn encode(&self) -> (String, Bytes) {
        // 128 random bits are in no file by chance.
        let boundary = format!("tiny-{:032x}", fastrand::u128(..));
        let content: usize = self.parts.iter().map(|part| part.content.len() + 256).sum();
        let mut body = BytesMut::with_capacity(content);
        for part in &self.parts {
            let name = quoted(&part.name);
            body.put(format!("--{boundary}\r\n").as_bytes());
            body.put(format!("Content-Disposition: form-data; name=\"{name}\"").as_bytes());
            if part.is_file {
                body.put(format!("; filename=\"{name}\"").as_bytes());
            }
            let content_type = part.content_type.replace(['\r', '\n'], " ");
            body.put(format!("\r\nContent-Type: {content_type}\r\n\r\n").as_bytes());
            body.put(part.content.clone());
            body.put(&b"\r\n"[..]);
        }
        body.put(format!("--{boundary}--\r\n").as_bytes());
        (
            format!("multipart/form-data; boundary={boundary}"),
            body.freeze(),
        )
    }
}

/// As browsers do it: these three end a name, and are the only ones encoded.
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_framed_and_names_cannot_break_out() {
        let form = Multipart::default()
            .field("metadata", "application/json", Bytes::from_static(b"{}"))
            .file(
                "a\"\r\nX: y.js",
                "text/plain",
                Bytes::from_static(b"\0\xff"),
            );
        let (content_type, body) = form.encode();
        let boundary = content_type
            .strip_prefix("multipart/form-data; boundary=")
            .unwrap();
        let expected = [
            &b"--BOUNDARY\r\nContent-Disposition: form-data; name=\"metadata\"\r\nContent-Type: application/json\r\n\r\n{}\r\n"[..],
            b"--BOUNDARY\r\nContent-Disposition: form-data; name=\"a%22%0D%0AX: y.js\"; filename=\"a%22%0D%0AX: y.js\"\r\nContent-Type: text/plain\r\n\r\n\0\xff\r\n",
            b"--BOUNDARY--\r\n",
        ]
        .concat();
        assert_eq!(
            String::from_utf8_lossy(&body).replace(boundary, "BOUNDARY"),
            String::from_utf8_lossy(&expected)
        );
    }
}
