//! What a folder offers, for those who hand it to Cloudflare instead of serving it.

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::headers::{self, Headers};
use crate::redirects::{self, Redirects};
use crate::scan::scan;
use crate::{AssetsError, Complaint, HtmlHandling, Package};

/// The files of a folder, and the texts of its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// By URL path: decoded, with a leading slash.
    pub files: BTreeMap<String, SiteFile>,
    /// The text of `_headers`.
    pub headers: Option<String>,
    /// The text of `_redirects`.
    pub redirects: Option<String>,
    /// What will not be as it may have been meant to be.
    pub complaints: Vec<Complaint>,
}

/// One of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFile {
    /// Where it is, links followed.
    pub path: Utf8PathBuf,
    /// Bytes.
    pub size: u64,
    pub content_type: Option<String>,
}

impl Site {
    /// Looks through `directory` and `packages`; the files are not read.
    pub fn read(
        directory: &Utf8Path,
        packages: &[Package],
        html: HtmlHandling,
    ) -> Result<Self, AssetsError> {
        let (files, mut complaints) = scan(directory, packages)?;
        let files = files
            .into_iter()
            .map(|(path, file)| {
                let content_type = file.content_type().and_then(|kind| kind.to_str().ok());
                let file = SiteFile {
                    path: file.path().to_owned(),
                    size: file.size(),
                    content_type: content_type.map(str::to_owned),
                };
                (path, file)
            })
            .collect();
        let headers = text_of(&directory.join(headers::FILE))?;
        let redirects = text_of(&directory.join(redirects::FILE))?;
        let of_headers = headers.as_deref().map(|text| Headers::parse(text).1);
        let of_redirects = redirects
            .as_deref()
            .map(|text| Redirects::parse(text, html).1);
        for (file, problems) in [(headers::FILE, of_headers), (redirects::FILE, of_redirects)] {
            let problems = problems.into_iter().flatten();
            complaints.extend(problems.map(|(line, problem)| Complaint {
                file: directory.join(file),
                line: Some(line),
                problem,
            }));
        }
        Ok(Self {
            files,
            headers,
            redirects,
            complaints,
        })
    }
}

fn text_of(path: &Utf8Path) -> io::Result<Option<String>> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
