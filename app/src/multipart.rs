//! Reading the one file out of a form that uploads it (`multipart/form-data`, RFC 7578).

/// The boundary between the parts, if this is the content type of such a form.
pub fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut parameters = parameters
        .split(';')
        .filter_map(|pair| pair.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim();
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    (1..=70).contains(&value.len()).then_some(value)
}

/// The content of the first part that is a file. `None`: there is none, or the form is not whole.
pub fn file<'b>(body: &'b [u8], boundary: &str) -> Option<&'b [u8]> {
    let between = format!("\r\n--{boundary}");
    let between = between.as_bytes();
    let first = &between[2..];
    let mut rest = match body.strip_prefix(first) {
        Some(rest) => rest,
        None => &body[find(body, between)? + between.len()..],
    };
    // Each part is its headers, an empty line, and what stands before the next boundary.
    while let Some(part) = after_line(rest) {
        let content = find(part, b"\r\n\r\n")?;
        let (headers, content) = (&part[..content], &part[content + 4..]);
        let end = find(content, between)?;
        if is_file(headers) {
            return Some(&content[..end]);
        }
        rest = &content[end + between.len()..];
    }
    None
}

/// What stands after a boundary, which may be padded; nothing after the last one.
fn after_line(rest: &[u8]) -> Option<&[u8]> {
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    rest[padding.count()..].strip_prefix(b"\r\n")
}

fn is_file(headers: &[u8]) -> bool {
    let headers = String::from_utf8_lossy(headers).to_ascii_lowercase();
    let disposition = headers
        .lines()
        .find_map(|line| line.strip_prefix("content-disposition:"));
    disposition.is_some_and(|value| {
        let mut parameters = value.split(';').map(str::trim);
        parameters.any(|parameter| parameter.starts_with("filename"))
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    loop {
        from += bytes[from..].iter().position(|byte| *byte == first)?;
        if bytes[from..].starts_with(wanted) {
            return Some(from);
        }
        from += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(content: &[u8]) -> Vec<u8> {
        let mut body = b"--x-y\r\nContent-Disposition: form-data; name=\"filter\"\r\n\r\nall\r\n\
            --x-y\r\nContent-Disposition: form-data; name=\"file\"; filename=\"todos.json\"\r\n\
            Content-Type: application/json\r\n\r\n"
            .to_vec();
        body.extend(content);
        body.extend(b"\r\n--x-y--\r\n");
        body
    }

    #[test]
    fn a_boundary_is_found_in_the_content_type() {
        for kind in [
            "multipart/form-data; boundary=x-y",
            "Multipart/Form-Data;charset=utf-8; Boundary=\"x-y\"",
        ] {
            assert_eq!(boundary(kind), Some("x-y"), "{kind}");
        }
        for kind in [
            "application/json",
            "multipart/form-data",
            "multipart/form-data; boundary=",
        ] {
            assert_eq!(boundary(kind), None, "{kind}");
        }
    }

    #[test]
    fn the_file_is_found_among_the_fields() {
        assert_eq!(file(&form(b"{}"), "x-y"), Some(&b"{}"[..]));
        assert_eq!(file(&form(b""), "x-y"), Some(&b""[..]));
        let with_preamble = [b"preamble\r\n".to_vec(), form(b"{}")].concat();
        assert_eq!(file(&with_preamble, "x-y"), Some(&b"{}"[..]));
    }

    #[test]
    fn a_form_that_is_cut_or_has_no_file_gives_none() {
        let whole = form(b"{}");
        assert_eq!(file(&whole[..whole.len() - 12], "x-y"), None);
        assert_eq!(file(&whole, "other"), None);
        let fields =
            b"--x-y\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nfilename=\r\n--x-y--";
        assert_eq!(file(fields, "x-y"), None);
    }

    proptest! {
        #[test]
        fn any_content_comes_out_as_it_went_in(content: Vec<u8>) {
            let form = form(&content);
            prop_assert_eq!(file(&form, "x-y"), Some(&content[..]));
        }

        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(prop::sample::select(b"\r\n-xy: a".to_vec()), 0..60)) {
            let _ = file(&body, "x-y");
        }
    }
}
