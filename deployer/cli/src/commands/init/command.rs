//! wrangler's build command: what of it cargo is told, and what is left to be run.

use std::collections::BTreeMap;

/// A build command taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// The package that is built.
    pub(super) package: Option<String>,
    /// The folder of the crate, below that in which the command runs.
    pub(super) folder: Option<String>,
    pub(super) features: Vec<String>,
    pub(super) no_default_features: bool,
    pub(super) rustflags: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) unwind: bool,
    /// What has to run besides cargo, as the shell takes it.
    pub(super) rest: Vec<String>,
    /// The rest comes after the crate was built.
    pub(super) after: bool,
    /// Parts of it that nothing stands for.
    pub(super) lost: Vec<String>,
}

impl Command {
    pub(super) fn parse(text: &str) -> Self {
        let mut command = Self::default();
        let mut built = false;
        let mut folder: Option<String> = None;
        for step in steps(text) {
            let words = words(&step);
            let (env, words) = assignments(&words);
            let program = words.first().map_or("", |word| base(word));
            match program {
                "" if env.is_empty() => {}
                _ if is_installation(&step, program, words) => {}
                "worker-build" => {
                    built = true;
                    command.folder.clone_from(&folder);
                    command.build(&words[1..]);
                    command.environment(env);
                }
                "npx" | "bunx" | "pnpm" | "cargo"
                    if words.iter().any(|word| base(word) == "worker-build") =>
                {
                    built = true;
                    command.folder.clone_from(&folder);
                    let at = words.iter().position(|word| base(word) == "worker-build");
                    command.build(&words[at.map_or(words.len(), |at| at + 1)..]);
                    command.environment(env);
                }
                "cd" if words.len() == 2 => {
                    folder = Some(match &folder {
                        Some(before) => format!("{before}/{}", words[1]),
                        None => words[1].clone(),
                    });
                    command.rest.push(step);
                }
                "export" => {
                    let (env, others) = assignments(&words[1..]);
                    if others.is_empty() && env.contains_key("RUSTFLAGS") && env.len() == 1 {
                        command.environment(env);
                    } else {
                        command.rest.push(step);
                    }
                }
                _ => {
                    command.after |= built;
                    command.rest.push(step);
                }
            }
        }
        // Changes of the folder alone do nothing.
        if command.rest.iter().all(|step| step.starts_with("cd ")) {
            command.rest.clear();
        }
        command
    }

    /// The arguments of worker-build, which are cargo's and a few of its own.
    fn build(&mut self, words: &[String]) {
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            let (flag, joined) = match word.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let mut value = || joined.clone().or_else(|| words.next().cloned());
            match flag {
                "--release" | "--dev" | "--debug" | "--no-opt" | "--no-install" | "--quiet" | "-q"
                | "--verbose" | "-v" | "--locked" | "--frozen" | "--offline" | "--" => {}
                "--panic-unwind" => self.unwind = true,
                "--profile" => {
                    self.profile = value().filter(|name| !matches!(name.as_str(), "dev" | "release"));
                }
                "--mode" | "--target" | "--out-dir" | "-d" | "--out-name" | "--jobs" | "-j" => {
                    let _ = value();
                }
                "--features" | "-F" => {
                    let list = value().unwrap_or_default();
                    let names = list.split([',', ' ']).filter(|name| !name.is_empty());
                    self.features.extend(names.map(str::to_owned));
                }
                "--no-default-features" => self.no_default_features = true,
                "--package" | "-p" => self.package = value(),
                _ if flag.starts_with('-') => self.lost.push(format!(
                    "`{word}` of the build command: set it in .cargo/config.toml or Cargo.toml if the crate needs it"
                )),
                _ => {
                    let folder = word.trim_end_matches('/').to_owned();
                    self.folder = Some(match self.folder.take() {
                        Some(before) => format!("{before}/{folder}"),
                        None => folder,
                    });
                }
            }
        }
    }

    fn environment(&mut self, env: BTreeMap<String, String>) {
        for (name, value) in env {
            if name == "RUSTFLAGS" {
                self.rustflags = Some(value);
            } else {
                self.lost.push(format!(
                    "`{name}` of the build command: set it under [env] in .cargo/config.toml if the crate reads it"
                ));
            }
        }
    }
}

/// What provides the tools, which tiny does by itself.
fn is_installation(step: &str, program: &str, words: &[String]) -> bool {
    let second = words.get(1).map(String::as_str);
    let of_worker_build = step.contains("worker-build");
    match program {
        "cargo" => matches!(second, Some("install" | "binstall")) && of_worker_build,
        "rustup" => matches!(second, Some("target")),
        "command" | "which" | "type" | "hash" => of_worker_build,
        _ => false,
    }
}

/// The name of a program without its folder and version.
fn base(word: &str) -> &str {
    let name = word.rsplit('/').next().unwrap_or(word);
    name.split('@').next().unwrap_or(name)
}

/// The commands that follow each other, as the shell takes them apart.
fn steps(text: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut quote = None;
    let mut depth = 0_u32;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let plain = quote.is_none() && depth == 0;
        let is_end = plain && (matches!(c, ';' | '\n') || (c == '&' && chars.peek() == Some(&'&')));
        if is_end {
            if c == '&' {
                chars.next();
            }
            steps.push(String::new());
            continue;
        }
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        let last = steps.len() - 1;
        steps[last].push(c);
        if c == '\\'
            && quote != Some('\'')
            && let Some(next) = chars.next()
        {
            steps[last].push(next);
        }
    }
    let trimmed = steps.iter().map(|step| step.trim().to_owned());
    trimmed.filter(|step| !step.is_empty()).collect()
}

/// The words of one command, without their quotes.
fn words(step: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = step.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The variables that are set in front of a command, and the command.
fn assignments(words: &[String]) -> (BTreeMap<String, String>, &[String]) {
    let mut env = BTreeMap::new();
    let mut rest = words;
    if rest.first().is_some_and(|word| word == "env") {
        rest = &rest[1..];
    }
    while let [first, others @ ..] = rest
        && let Some((name, value)) = first.split_once('=')
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        env.insert(name.to_owned(), value.to_owned());
        rest = others;
    }
    (env, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Command {
        Command::parse(text)
    }

    #[test]
    fn installing_and_running_worker_build_leaves_nothing() {
        for text in [
            "cargo install -q worker-build && worker-build --release",
            "cargo install --locked worker-build@0.7 ; worker-build --dev",
            "command -v worker-build || cargo install worker-build && worker-build",
            "rustup target add wasm32-unknown-unknown && npx worker-build --release",
        ] {
            assert_eq!(parsed(text), Command::default(), "{text}");
        }
    }

    #[test]
    fn arguments_of_cargo_are_kept() {
        let command = parsed(
            "cargo install -q worker-build && RUSTFLAGS='--cfg getrandom_backend=\"wasm_js\"' worker-build --release \
             -p api --features \"a b\",c --features=d --no-default-features --profile small --panic-unwind",
        );
        assert_eq!(command.package.as_deref(), Some("api"));
        assert_eq!(command.features, ["a", "b", "c", "d"]);
        assert!(command.no_default_features && command.unwind);
        assert_eq!(command.profile.as_deref(), Some("small"));
        assert_eq!(
            command.rustflags.as_deref(),
            Some("--cfg getrandom_backend=\"wasm_js\"")
        );
        assert!(command.rest.is_empty() && command.lost.is_empty());
    }

    #[test]
    fn everything_else_is_left_to_the_shell() {
        let command = parsed("npm ci && npx tailwindcss -o 'a;b.css' && worker-build --release");
        assert_eq!(command.rest, ["npm ci", "npx tailwindcss -o 'a;b.css'"]);
        assert!(!command.after);
        let command = parsed("worker-build && sed -i s/a/b/ build/index.js");
        assert!(command.after);
        assert_eq!(parsed("make").rest, ["make"]);
    }

    #[test]
    fn the_folder_of_the_crate_is_found() {
        assert_eq!(
            parsed("cd api && worker-build").folder.as_deref(),
            Some("api")
        );
        assert_eq!(parsed("cd api && worker-build").rest, [] as [&str; 0]);
        assert_eq!(
            parsed("worker-build --release crates/api/")
                .folder
                .as_deref(),
            Some("crates/api")
        );
        let command = parsed("worker-build --target-dir=x");
        assert!(
            command.lost[0].contains("--target-dir"),
            "{:?}",
            command.lost
        );
    }
}
