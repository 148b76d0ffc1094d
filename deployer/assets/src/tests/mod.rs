//! Folders of files, and what they answer.

mod content;
mod folder;
mod packages;
mod pages;
mod rules;
mod worker;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use http::{HeaderMap, Request, Response};
use tempfile::TempDir;

use crate::{Assets, AssetsError, Config, HtmlHandling, NotFoundHandling, RunWorkerFirst};

/// A folder under test; each file says its own name.
struct Site {
    folder: TempDir,
    config: Config,
}

fn site(files: &[&str]) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let site = Site {
        config: Config {
            directory: Utf8Path::from_path(folder.path()).unwrap().to_owned(),
            packages: Vec::new(),
            html_handling: HtmlHandling::default(),
            not_found_handling: NotFoundHandling::default(),
            run_worker_first: RunWorkerFirst::default(),
            has_worker: true,
        },
        folder,
    };
    for file in files {
        site.write(file, file);
    }
    site
}

impl Site {
    fn html(mut self, html: HtmlHandling) -> Self {
        self.config.html_handling = html;
        self
    }

    fn not_found(mut self, not_found: NotFoundHandling) -> Self {
        self.config.not_found_handling = not_found;
        self
    }

    fn first(mut self, first: RunWorkerFirst) -> Self {
        self.config.run_worker_first = first;
        self
    }

    fn without_worker(mut self) -> Self {
        self.config.has_worker = false;
        self
    }

    fn with(self, file: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(file, content);
        self
    }

    fn path(&self, file: &str) -> Utf8PathBuf {
        self.config.directory.join(file)
    }

    fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }

    fn try_load(&self) -> Result<Assets, AssetsError> {
        Assets::load(self.config.clone())
    }

    /// The folder itself goes away with what is returned.
    fn load(self) -> Served {
        Served {
            assets: self.try_load().unwrap(),
            site: self,
        }
    }
}

struct Served {
    assets: Assets,
    site: Site,
}

impl Served {
    async fn ask(&self, line: &str, headers: &[(&str, &str)]) -> Option<Response<Bytes>> {
        self.assets.respond(&parts(line, headers)).await
    }

    /// What is answered, in a word: `200 file`, `307 /to`, or `worker`.
    async fn get(&self, path: &str) -> String {
        self.navigate(path, &[]).await
    }

    async fn navigate(&self, path: &str, headers: &[(&str, &str)]) -> String {
        let answer = self.ask(&format!("GET {path}"), headers).await;
        answer.map_or_else(|| "worker".to_owned(), |answer| word(&answer))
    }

    /// The same through the ASSETS binding.
    async fn fetch(&self, path: &str) -> String {
        word(&self.assets.fetch(&parts(&format!("GET {path}"), &[])).await)
    }

    async fn headers(&self, path: &str) -> HeaderMap {
        let answer = self.assets.fetch(&parts(&format!("GET {path}"), &[])).await;
        answer.into_parts().0.headers
    }
}

const NAVIGATION: &[(&str, &str)] = &[("sec-fetch-mode", "navigate")];

fn parts(line: &str, headers: &[(&str, &str)]) -> http::request::Parts {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:1338");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn word(answer: &Response<Bytes>) -> String {
    let status = answer.status().as_u16();
    let body = String::from_utf8_lossy(answer.body());
    let rest = match answer.headers().get("location") {
        Some(to) => to.to_str().unwrap(),
        None => &body,
    };
    format!("{status} {rest}").trim_end().to_owned()
}
