//! Which file answers which path. The order of the attempts is Cloudflare's.

use http::StatusCode;

use crate::scan::Files;
use crate::{HtmlHandling, NotFoundHandling};

/// What is to happen with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Intent {
    /// The file of this name answers.
    Serve { file: String, status: StatusCode },
    /// The page is at this path, which is decoded.
    Redirect(String),
}

pub(crate) struct Lookup<'a> {
    pub(crate) files: &'a Files,
    pub(crate) html: HtmlHandling,
    pub(crate) not_found: NotFoundHandling,
}

const INDEX: &str = "/index";
const INDEX_HTML: &str = "/index.html";
const HTML: &str = ".html";

impl Lookup<'_> {
    /// What happens with `path`, which is decoded. `None`: nothing here answers it.
    pub(crate) fn intent(&self, path: &str) -> Option<Intent> {
        self.find(path, true)
    }

    fn find(&self, path: &str, redirects: bool) -> Option<Intent> {
        let page = Page {
            lookup: self,
            path,
            redirects,
        };
        match self.html {
            HtmlHandling::AutoTrailingSlash => page.auto(),
            HtmlHandling::ForceTrailingSlash => page.force(),
            HtmlHandling::DropTrailingSlash => page.drop(),
            HtmlHandling::None => page.exact(),
        }
        .or_else(|| self.fallback(path))
    }

    fn fallback(&self, path: &str) -> Option<Intent> {
        match self.not_found {
            NotFoundHandling::None => None,
            NotFoundHandling::SinglePageApplication => self.file(INDEX_HTML),
            NotFoundHandling::NotFoundPage => {
                let mut folder = path;
                while let Some(slash) = folder.rfind('/') {
                    folder = &folder[..slash];
                    let file = format!("{folder}/404.html");
                    if self.files.contains_key(&file) {
                        return Some(Intent::Serve {
                            file,
                            status: StatusCode::NOT_FOUND,
                        });
                    }
                }
                None
            }
        }
    }

    fn file(&self, file: &str) -> Option<Intent> {
        self.files.contains_key(file).then(|| Intent::Serve {
            file: file.to_owned(),
            status: StatusCode::OK,
        })
    }
}

struct Page<'a> {
    lookup: &'a Lookup<'a>,
    path: &'a str,
    redirects: bool,
}

impl Page<'_> {
    fn exact(&self) -> Option<Intent> {
        self.lookup.file(self.path)
    }

    /// The file at the path with `suffix`.
    fn with(&self, suffix: &str) -> Option<Intent> {
        self.lookup.file(&format!("{}{suffix}", self.path))
    }

    /// Leads to `to`, if the page that is served there is `file`.
    fn lead(&self, file: &str, to: &str) -> Option<Intent> {
        if !self.redirects || self.lookup.files.contains_key(to) {
            return None;
        }
        match self.lookup.find(to, false)? {
            Intent::Serve { file: served, .. } if served == file => {
                Some(Intent::Redirect(to.to_owned()))
            }
            _ => None,
        }
    }

    fn auto(&self) -> Option<Intent> {
        let path = self.path;
        let special = if let Some(base) = path.strip_suffix(INDEX) {
            self.exact()
                .or_else(|| self.lead(&format!("{path}{HTML}"), &format!("{base}/")))
                .or_else(|| self.lead(&format!("{base}{HTML}"), base))
        } else if let Some(base) = path.strip_suffix(INDEX_HTML) {
            self.lead(path, &format!("{base}/"))
                .or_else(|| self.lead(&format!("{base}{HTML}"), base))
        } else if let Some(base) = path.strip_suffix('/') {
            self.with("index.html")
                .or_else(|| self.lead(&format!("{base}{HTML}"), base))
        } else if let Some(base) = path.strip_suffix(HTML) {
            self.lead(path, base)
                .or_else(|| self.lead(&format!("{base}{INDEX_HTML}"), &format!("{base}/")))
        } else {
            None
        };
        special
            .or_else(|| self.exact())
            .or_else(|| self.with(HTML))
            .or_else(|| self.lead(&format!("{path}{INDEX_HTML}"), &format!("{path}/")))
    }

    fn force(&self) -> Option<Intent> {
        let path = self.path;
        let special = if let Some(base) = path.strip_suffix(INDEX) {
            let folder = format!("{base}/");
            self.exact()
                .or_else(|| self.lead(&format!("{path}{HTML}"), &folder))
                .or_else(|| self.lead(&format!("{base}{HTML}"), &folder))
        } else if let Some(base) = path.strip_suffix(INDEX_HTML) {
            let folder = format!("{base}/");
            self.lead(path, &folder)
                .or_else(|| self.lead(&format!("{base}{HTML}"), &folder))
        } else if let Some(base) = path.strip_suffix('/') {
            self.with("index.html")
                .or_else(|| self.lookup.file(&format!("{base}{HTML}")))
        } else if let Some(base) = path.strip_suffix(HTML) {
            let folder = format!("{base}/");
            self.lead(path, &folder)
                .or_else(|| self.exact())
                .or_else(|| self.lead(&format!("{base}{INDEX_HTML}"), &folder))
        } else {
            None
        };
        let folder = format!("{path}/");
        special
            .or_else(|| self.exact())
            .or_else(|| self.lead(&format!("{path}{HTML}"), &folder))
            .or_else(|| self.lead(&format!("{path}{INDEX_HTML}"), &folder))
    }

    fn drop(&self) -> Option<Intent> {
        let path = self.path;
        let special = if path == INDEX {
            self.exact().or_else(|| self.lead(INDEX_HTML, "/"))
        } else if let Some(base) = path.strip_suffix(INDEX) {
            self.exact()
                .or_else(|| self.lead(&format!("{base}{HTML}"), base))
                .or_else(|| self.lead(&format!("{path}{HTML}"), base))
        } else if path == INDEX_HTML {
            self.lead(INDEX_HTML, "/")
        } else if let Some(base) = path.strip_suffix(INDEX_HTML) {
            self.lead(path, base)
                .or_else(|| self.exact())
                .or_else(|| self.lead(&format!("{base}{HTML}"), base))
        } else if path == "/" {
            self.lookup.file(INDEX_HTML)
        } else if let Some(base) = path.strip_suffix('/') {
            self.lead(&format!("{base}{HTML}"), base)
                .or_else(|| self.lead(&format!("{base}{INDEX_HTML}"), base))
        } else if let Some(base) = path.strip_suffix(HTML) {
            self.lead(path, base)
                .or_else(|| self.lead(&format!("{base}{INDEX_HTML}"), base))
        } else {
            None
        };
        special
            .or_else(|| self.exact())
            .or_else(|| self.with(HTML))
            .or_else(|| self.with(INDEX_HTML))
    }
}
