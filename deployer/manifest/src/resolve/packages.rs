//! npm packages whose files are served.

use crate::format::PackageTable;
use crate::reader::{At, Map};
use crate::report::Report;
use crate::worker::{Package, PackageFile};

/// What the folder of static files has at its root without serving it.
const NOT_SERVED: [&str; 4] = ["_headers", "_redirects", ".assetsignore", "_worker.js"];

/// Most characters that npm takes for a name.
const LONGEST_NAME: usize = 214;

const SHA512: &str = "sha512-";

/// Characters of 64 bytes in base64, and of those the padding.
const DIGEST: usize = 88;
const PADDING: &str = "==";

pub(super) fn resolve(tables: &Map<PackageTable>, report: &mut Report) -> Vec<Package> {
    for name in &tables.names {
        check_name(name, report);
    }
    refuse_shared_places(tables, report);
    tables
        .entries
        .iter()
        .map(|(name, table)| package(name, table, report))
        .collect()
}

fn package(name: &At<String>, table: &PackageTable, report: &mut Report) -> Package {
    if let Some(version) = &table.version {
        check_version(name, version, report);
    }
    if let Some(integrity) = &table.integrity {
        check_integrity(name, table.version.as_ref(), integrity, report);
    }
    let files = table.files.iter().flat_map(|files| &files.entries);
    let files: Vec<_> = files.map(|(from, to)| file(from, to, report)).collect();
    if table
        .files
        .as_ref()
        .is_some_and(|files| files.names.is_empty())
    {
        let help = "name some: `files = { \"dist/index.js\" = \"vendor/index.js\" }`".to_owned();
        report.problem(
            name.span,
            format!("no file of `{}` is served", name.value),
            "no files",
            help,
        );
    }
    Package {
        name: name.value.clone(),
        version: table.version.clone().unwrap_or_default().value,
        integrity: table.integrity.clone().map(|integrity| integrity.value),
        files,
    }
}

/// Reports what npm takes for no name; what begins with `-` would be an option to it.
fn check_name(name: &At<String>, report: &mut Report) {
    let (scope, bare) = match name.value.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').unwrap_or((scoped, "")),
        None => ("none", name.value.as_str()),
    };
    let fits = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
    };
    if !fits(scope) || !fits(bare) || name.value.len() > LONGEST_NAME {
        let help = "as npm has it, such as `tinybase` or `\"@scope/name\"`".to_owned();
        report.problem(
            name.span,
            format!("`{}` cannot name an npm package", name.value),
            "not a package",
            help,
        );
    }
}

fn check_version(name: &At<String>, version: &At<String>, report: &mut Report) {
    if is_version(&version.value) {
        return;
    }
    let bare = version
        .value
        .trim_start_matches(['^', '~', '=', 'v', '>', '<', ' ']);
    let help = if is_version(bare) {
        format!("nothing is resolved: write `{bare}`, or another version")
    } else {
        format!(
            "such as `1.2.3`; `npm view {} version` prints the newest",
            name.value
        )
    };
    report.problem(
        version.span,
        format!("`{}` is not one version", version.value),
        "not a version",
        help,
    );
}

/// `1.2.3`, `1.2.3-beta.4`, `1.2.3+build`
fn is_version(text: &str) -> bool {
    let (text, build) = text.split_once('+').unwrap_or((text, "none"));
    let (numbers, before) = text.split_once('-').unwrap_or((text, "none"));
    let is_number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let are_words = |text: &str| {
        text.split('.').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && are_words(before)
        && are_words(build)
}

fn check_integrity(
    name: &At<String>,
    version: Option<&At<String>>,
    integrity: &At<String>,
    report: &mut Report,
) {
    let digest = integrity.value.strip_prefix(SHA512);
    let is_digest = |text: &str| {
        text.len() == DIGEST
            && text.strip_suffix(PADDING).is_some_and(|text| {
                text.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
            })
    };
    let (message, label) = match digest {
        Some(digest) if is_digest(digest) => return,
        Some(_) => (
            format!("64 bytes in base64 have to follow `{SHA512}`"),
            "not a SHA-512",
        ),
        None => (
            format!("`integrity` has to start with `{SHA512}`"),
            "not a SHA-512",
        ),
    };
    let help = match version.filter(|version| is_version(&version.value)) {
        Some(version) => format!(
            "`npm view {}@{} dist.integrity` prints it; left out, the first fetch does",
            name.value, version.value
        ),
        None => "leave it out, and the first fetch prints it".to_owned(),
    };
    report.problem(integrity.span, message, label, help);
}

fn file(from: &At<String>, to: &At<String>, report: &mut Report) -> PackageFile {
    let is_fine = check_path(from, "package", report) & check_path(to, "site", report);
    if is_fine && from.value.ends_with('/') != to.value.ends_with('/') {
        let (folder, file) = if from.value.ends_with('/') {
            (from, to)
        } else {
            (to, from)
        };
        report.problem_and(
            to.span,
            format!(
                "`{}` is a folder, and `{}` a file",
                folder.value, file.value
            ),
            "its place in the site",
            "end both with `/` for a folder with all that is in it, or neither".to_owned(),
            (from.span, "its place in the package".to_owned()),
        );
    }
    let root = to.value.split('/').next().unwrap_or_default();
    if NOT_SERVED.contains(&root) {
        report.problem(
            to.span,
            format!("`{root}` is not served"),
            "not a place in the site",
            "give it another name; rules are files of the folder".to_owned(),
        );
    }
    PackageFile {
        from: from.value.clone(),
        to: to.value.clone(),
    }
}

/// Whether the path stays within what it starts from; reported where it does not.
fn check_path(path: &At<String>, within: &str, report: &mut Report) -> bool {
    let text = path.value.as_str();
    let plain = text.trim_start_matches('/');
    let inner = text.strip_suffix('/').unwrap_or(text);
    let mut segments = inner.split(['/', '\\']);
    let (message, help) = if text.starts_with('/') && !plain.is_empty() {
        (
            format!("`{text}` does not start from the {within}"),
            format!("paths start from the {within} itself: `{plain}`"),
        )
    } else if segments.any(|segment| segment == "..") {
        (
            format!("`{text}` leads out of the {within}"),
            format!("paths start from the {within} and stay below it"),
        )
    } else if text.contains('\\') || inner.split('/').any(|segment| matches!(segment, "" | ".")) {
        (
            format!("`{text}` is no path in the {within}"),
            "names joined by `/`, such as `vendor/index.js`".to_owned(),
        )
    } else {
        return true;
    };
    report.problem(path.span, message, format!("not in the {within}"), help);
    false
}

/// Reports places in the site that two files want.
fn refuse_shared_places(tables: &Map<PackageTable>, report: &mut Report) {
    let mut taken: Vec<&At<String>> = Vec::new();
    let files = tables.entries.iter().flat_map(|(_, table)| &table.files);
    for (_, to) in files.flat_map(|files| &files.entries) {
        // Folders may be filled together; files that meet there are found when they are laid out.
        if to.value.ends_with('/') {
            continue;
        }
        match taken.iter().find(|first| first.value == to.value) {
            None => taken.push(to),
            Some(first) => report.problem_and(
                to.span,
                format!("two files have the place `{}`", to.value),
                "the second one",
                "give one of them another place in the site".to_owned(),
                (first.span, "the first one".to_owned()),
            ),
        }
    }
}
