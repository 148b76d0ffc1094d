//! Which files are which modules, by wrangler's rules.

/// What files are to the modules that import them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleRule {
    pub kind: RuleKind,
    /// Patterns for what is written in the import; `*` stands for anything, slashes too.
    pub globs: Vec<String>,
    /// Later rules of the same kind match as well.
    pub fallthrough: bool,
}

/// What a rule makes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    Esm,
    CommonJs,
    Text,
    Data,
    Wasm,
}

/// What the rules say about an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Is(RuleKind),
    /// The only rule that matches comes after one of its kind that lets no others match.
    Shadowed,
    Unknown,
}

/// The rules of a worker and those that are built in.
pub(super) struct Rules {
    active: Vec<ModuleRule>,
    shadowed: Vec<ModuleRule>,
}

impl Rules {
    pub(super) fn new(of_worker: &[ModuleRule]) -> Self {
        let mut rules = Self {
            active: Vec::new(),
            shadowed: Vec::new(),
        };
        let mut complete = Vec::new();
        for rule in of_worker.iter().cloned().chain(built_in()) {
            if complete.contains(&rule.kind) {
                rules.shadowed.push(rule);
                continue;
            }
            if !rule.fallthrough {
                complete.push(rule.kind);
            }
            rules.active.push(rule);
        }
        rules
    }

    pub(super) fn of(&self, specifier: &str) -> Verdict {
        let matching = |rule: &&ModuleRule| rule.globs.iter().any(|glob| matches(glob, specifier));
        if let Some(rule) = self.active.iter().find(matching) {
            return Verdict::Is(rule.kind);
        }
        let is_file = |rule: &ModuleRule| !matches!(rule.kind, RuleKind::Esm | RuleKind::CommonJs);
        if self.shadowed.iter().filter(matching).any(is_file) {
            return Verdict::Shadowed;
        }
        Verdict::Unknown
    }
}

fn built_in() -> [ModuleRule; 3] {
    let rule = |kind, globs: &[&str]| ModuleRule {
        kind,
        globs: globs.iter().map(ToString::to_string).collect(),
        fallthrough: false,
    };
    [
        rule(RuleKind::Text, &["**/*.txt", "**/*.html", "**/*.sql"]),
        rule(RuleKind::Data, &["**/*.bin"]),
        rule(RuleKind::Wasm, &["**/*.wasm", "**/*.wasm?module"]),
    ]
}

/// Stars stand for anything and everything else for itself: wrangler turns its patterns into
/// regular expressions without any other option.
fn matches(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*').filter(|part| !part.is_empty());
    let (open_start, open_end) = (glob.starts_with('*'), glob.ends_with('*'));
    let mut rest = text;
    if !open_start {
        let Some(after) = parts
            .next()
            .map_or(Some(rest), |part| rest.strip_prefix(part))
        else {
            return false;
        };
        rest = after;
    }
    let mut parts: Vec<&str> = parts.collect();
    if !open_end {
        if !glob.contains('*') {
            return rest.is_empty();
        }
        let Some(before) = parts.pop().and_then(|part| rest.strip_suffix(part)) else {
            return false;
        };
        rest = before;
    }
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: RuleKind, glob: &str, fallthrough: bool) -> ModuleRule {
        ModuleRule {
            kind,
            globs: vec![glob.to_owned()],
            fallthrough,
        }
    }

    #[test]
    fn stars_match_anything_and_the_rest_matches_itself() {
        for (glob, text) in [
            ("**/*.html", "./page.html"),
            ("**/*.html", "../a/b/page.html"),
            ("**/*.wasm?module", "./x.wasm?module"),
            ("*.md", "./deep/er.md"),
            ("./a*b*c", "./a-b-b-c"),
            ("./exact.txt", "./exact.txt"),
            ("*", ""),
        ] {
            assert!(matches(glob, text), "{glob} {text}");
        }
        for (glob, text) in [
            // There is no slash in a bare name.
            ("**/*.html", "page.html"),
            ("**/*.html", "./page.htm"),
            ("**/*.wasm?module", "./x.wasm-module"),
            ("./exact.txt", "./exact.txt2"),
            ("./ab*ba", "./aba"),
            ("a{b,c}", "ab"),
        ] {
            assert!(!matches(glob, text), "{glob} {text}");
        }
    }

    #[test]
    fn a_rule_ends_its_kind_unless_it_falls_through() {
        let rules = Rules::new(&[rule(RuleKind::Text, "**/*.md", false)]);
        assert_eq!(rules.of("./a.md"), Verdict::Is(RuleKind::Text));
        assert_eq!(rules.of("./a.html"), Verdict::Shadowed);
        assert_eq!(rules.of("./a.wasm"), Verdict::Is(RuleKind::Wasm));
        assert_eq!(rules.of("./a.png"), Verdict::Unknown);

        let rules = Rules::new(&[rule(RuleKind::Text, "**/*.md", true)]);
        assert_eq!(rules.of("./a.html"), Verdict::Is(RuleKind::Text));

        let rules = Rules::new(&[
            rule(RuleKind::Data, "**/*.html", true),
            rule(RuleKind::Text, "**/*.html", true),
        ]);
        assert_eq!(rules.of("./a.html"), Verdict::Is(RuleKind::Data));
    }
}
