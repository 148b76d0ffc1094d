//! The page: all of it in the answer, usable by forms alone; `public/app.js` makes it live.

mod dialogs;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::address::with_query;
use crate::filter::Filter;
use crate::hop::{Pass, Visit};
use crate::limit;
use crate::sheet::{Right, Sheet, Shown};
use crate::todos::push_json;
use crate::usage::{Level, sentence};

/// What `app.js` imports, to be fetched before it is known to be needed.
const MODULES: [&str; 20] = [
    "/app.js",
    "/connection.js",
    "/dialogs.js",
    "/drag.js",
    "/due.js",
    "/edits.js",
    "/here.js",
    "/journal.js",
    "/keys.js",
    "/list.js",
    "/order.js",
    "/row.js",
    "/shelf.js",
    "/stamps.js",
    "/tinybase.js",
    "/todos.js",
    "/usage.js",
    "/vendor/tinybase/10.0.1/mergeable-store.js",
    "/vendor/tinybase/10.0.1/persister-indexed-db.js",
    "/vendor/tinybase/10.0.1/synchronizer-ws-client.js",
];

/// The page that `visit` asks for.
pub fn render(visit: &Visit, sheet: &Sheet<'_>) -> String {
    let links = Links(visit);
    let right = match sheet.right {
        Right::Read => "read",
        Right::Write => "write",
        Right::Own => "own",
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            (head())
            body data-sync=(links.to("/sync")) data-usage=(links.to("/usage"))
                data-shares=(links.to("/shares")) data-import=(links.to("/import"))
                data-backups=(links.to("/backups"))
                data-user=(visit.user) data-right=(right)
                data-filter=(visit.filter.name()) data-from=(sheet.from) {
                a.skip href="#list" { "Skip to the list" }
                (top(&links))
                main {
                    h1 { ("Todos") }
                    @match sheet.right {
                        Right::Read => p.hint { "You may look at this list, not change it." },
                        _ => (hint(visit)),
                    }
                    @if sheet.right > Right::Read { (add(&links)) }
                    (problem())
                    (filters(&links, sheet))
                    (list(&links, sheet))
                    (pages(&links, sheet))
                    (actions(&links, sheet))
                    (store(&links, sheet))
                }
                (dialogs::keys(sheet.right))
                @if !visit.open { (dialogs::session(visit)) }
                @if sheet.right == Right::Own {
                    (dialogs::share(&links))
                    (dialogs::import(&links))
                    (dialogs::backups())
                }
                template #row { (row(&links, sheet.right, &Shown::default())) }
                p #said .hidden role="status" {}
                @if let Some(content) = &sheet.content {
                    script #content type="application/json" { (PreEscaped(inert(content))) }
                }
            }
        }
    }
    .into_string()
}

/// JSON in which nothing can end the element that it stands in.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// Where things are for this visitor.
struct Links<'v>(&'v Visit);

impl Links<'_> {
    /// `path`, for the same user and list.
    fn to(&self, path: &str) -> String {
        self.with(path, &[])
    }

    fn with(&self, path: &str, more: &[(&str, &str)]) -> String {
        let Visit {
            user, named, org, ..
        } = self.0;
        let own = [
            named.then_some(("userId", &**user)),
            org.as_deref().map(|org| ("org", org)),
            // Only lists that are shared within an organisation are called by their names.
            matches!(self.0.pass, Pass::Member { .. }).then_some(("list", &*self.0.list)),
            match &self.0.pass {
                Pass::Share(token) => Some(("share", &**token)),
                Pass::Own | Pass::Member { .. } => None,
            },
        ];
        with_query(path, own.iter().flatten().chain(more).copied())
    }

    /// The organisation that the list is of, where organisations have a page: not where users'
    /// lists lie together, each by its user's id.
    fn org(&self) -> Option<&str> {
        let Visit {
            org, list, pass, ..
        } = self.0;
        let has_page = match pass {
            Pass::Member { .. } => true,
            Pass::Own => list.is_empty(),
            Pass::Share(_) => false,
        };
        org.as_deref().filter(|_| has_page)
    }

    /// The page with a filter, from a todo on.
    fn page(&self, filter: Filter, from: usize) -> String {
        self.showing("/", filter, from)
    }

    fn showing(&self, path: &str, filter: Filter, from: usize) -> String {
        let from_text = from.to_string();
        let filter = (filter != Filter::All).then_some(("filter", filter.name()));
        let from = (from > 0).then_some(("from", &*from_text));
        let more: Vec<_> = filter.into_iter().chain(from).collect();
        self.with(path, &more)
    }

    /// Where forms go; what is shown comes along, to be shown again.
    fn post(&self) -> String {
        self.showing("/todos", self.0.filter, self.0.from)
    }
}

/// Where a visitor is sent after posting a form.
pub fn back(visit: &Visit) -> String {
    Links(visit).page(visit.filter, visit.from)
}

/// `path`, for the same user and list.
pub fn to(visit: &Visit, path: &str) -> String {
    Links(visit).to(path)
}

fn head() -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="theme-color" content="#ffffff" media="(prefers-color-scheme: light)";
            meta name="theme-color" content="#0a0a0a" media="(prefers-color-scheme: dark)";
            meta name="description" content="Todos that are the same in every window, at once.";
            title { "tiny" }
            link rel="icon" href="/icon.svg" type="image/svg+xml";
            link rel="apple-touch-icon" href="/icon-192.png";
            link rel="manifest" href="/manifest.webmanifest";
            link rel="stylesheet" href="/style.css";
            @for module in &MODULES[1..] { link rel="modulepreload" href=(module); }
            script type="module" src=(MODULES[0]) {}
        }
    }
}

fn top(links: &Links) -> Markup {
    let visit = links.0;
    html! {
        header.top {
            p.brand { "tiny" }
            div.badges {
                @if let Some(org) = links.org() {
                    a.badge href=(links.to("/org")) title=(org) {
                        span.hidden { "Organisation: " }
                        (org)
                    }
                }
                ul #here .here role="list" aria-label="Who is here" hidden {}
                p #connection .badge data-state="off" role="status" { "Disconnected" }
                p #user .badge title=(visit.user) {
                    span.hidden { "User: " }
                    (visit.user)
                }
            }
        }
    }
}

fn hint(visit: &Visit) -> Markup {
    html! {
        p.hint {
            "Open this page twice: what you do in one window shows in the other."
            @if visit.open {
                " Every user has a list of their own; try "
                a href="/?userId=alice" { code { "?userId=alice" } }
                " and "
                a href="/?userId=bob" { code { "?userId=bob" } }
                "."
            }
        }
    }
}

fn add(links: &Links) -> Markup {
    html! {
        form #add .add method="post" action=(links.post()) {
            label.hidden for="new" { "What needs doing?" }
            input #new name="text" type="text" required maxlength=(limit::TEXT) autocomplete="off"
                enterkeyhint="done" placeholder="What needs doing?";
            button.solid name="action" value="add" { "Add Todo" }
        }
    }
}

/// Shown by the client when the server refuses what it sends.
fn problem() -> Markup {
    html! {
        div #problem .problem role="alert" hidden {
            p #problem-text {}
            button #retry type="button" hidden { "Try again" }
            button #discard type="button" hidden { "Discard my unsent changes" }
        }
    }
}

fn filters(links: &Links, sheet: &Sheet<'_>) -> Markup {
    html! {
        nav #filters .filters aria-label="Which todos" {
            @for filter in Filter::EVERY {
                @let label = match filter {
                    Filter::All => "All",
                    Filter::Active => "Active",
                    Filter::Completed => "Completed",
                };
                @let current = (filter == links.0.filter).then_some("page");
                a href=(links.page(filter, 0)) data-filter=(filter.name()) aria-current=[current] {
                    (label) " " span.count data-count=(filter.name()) { (sheet.counts.of(filter)) }
                }
            }
        }
    }
}

fn list(links: &Links, sheet: &Sheet<'_>) -> Markup {
    html! {
        ul #list .list role="list" aria-label="Todos of this list" {
            @for shown in &sheet.rows { (row(links, sheet.right, shown)) }
        }
        p #empty .empty hidden[!sheet.rows.is_empty()] {
            @if links.0.filter == Filter::All { "Nothing to do yet." } @else { "Nothing here." }
        }
    }
}

/// One todo. The client clones this from a template and fills it in, so it stands only here.
fn row(links: &Links, right: Right, todo: &Shown<'_>) -> Markup {
    let post = links.post();
    let Shown {
        id,
        text,
        completed,
        due,
        notes,
    } = todo;
    let notes = notes.as_deref().unwrap_or_default();
    let day = due.as_deref().and_then(in_words);
    html! {
        li.todo data-id=(id) data-completed=[completed.then_some("")] {
            @if right == Right::Read {
                span.check role="img" data-checked=[completed.then_some("")]
                    aria-label=(if *completed { "Completed" } else { "Active" }) {}
            } @else {
                span.grip aria-hidden="true" title="Drag to move" {}
                form method="post" action=(post) {
                    input type="hidden" name="id" value=(id);
                    input type="hidden" name="completed" value=(!completed);
                    button.check name="action" value="toggle" role="checkbox" aria-checked=(completed)
                        aria-label={ "Completed: " (text) } {}
                }
            }
            div.words {
                p.text { (text) }
                time.due datetime=[day.as_ref().and(due.as_deref())] hidden[day.is_none()] {
                    @if let Some(day) = &day { "Due " (day) }
                }
                p.notes hidden[notes.is_empty()] { (notes) }
            }
            @if right > Right::Read { (editor(&post, todo)) }
        }
    }
}

fn editor(post: &str, todo: &Shown<'_>) -> Markup {
    let Shown {
        id,
        text,
        due,
        notes,
        ..
    } = todo;
    html! {
        details.edit {
            summary aria-label={ "Edit: " (text) } { "Edit" }
            form.editor method="post" action=(post) {
                input type="hidden" name="id" value=(id);
                input name="text" type="text" required maxlength=(limit::TEXT) autocomplete="off"
                    enterkeyhint="done" value=(text) aria-label="Text";
                label.field {
                    "Notes"
                    // The parser drops a first line break, so here is one for it.
                    textarea name="notes" rows="3" maxlength=(limit::NOTES) {
                        "\n" (notes.as_deref().unwrap_or_default())
                    }
                }
                label.field { "Due" input name="due" type="date" max="9999-12-31" value=[due.as_deref()]; }
                button.solid name="action" value="edit" { "Save" }
            }
            form.move method="post" action=(post) {
                input type="hidden" name="id" value=(id);
                input type="hidden" name="action" value="move";
                button name="by" value="-1" aria-label={ "Move up: " (text) } { "Up" }
                button name="by" value="1" aria-label={ "Move down: " (text) } { "Down" }
            }
        }
        form method="post" action=(post) {
            input type="hidden" name="id" value=(id);
            button.delete name="action" value="delete" aria-label={ "Delete: " (text) } { "Delete" }
        }
    }
}

/// `2026-12-03` as people write it; nothing for what is no day.
pub fn in_words(day: &str) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut parts = day.split('-');
    let mut number = |digits: usize| -> Option<usize> {
        let part = parts.next().filter(|part| part.len() == digits)?;
        part.parse().ok()
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    let month = MONTHS.get(month.checked_sub(1)?)?;
    ((1..=31).contains(&day) && parts.next().is_none()).then(|| format!("{day} {month} {year}"))
}

/// The way to the todos that are not on this page; none where all are.
fn pages(links: &Links, sheet: &Sheet<'_>) -> Markup {
    let filter = links.0.filter;
    let (from, count) = (sheet.from, sheet.counts.of(filter));
    let to = from + sheet.rows.len();
    html! {
        @if from > 0 || to < count {
            nav #pages .pages aria-label="Pages" {
                @if from > 0 {
                    a rel="prev" href=(links.page(filter, from.saturating_sub(limit::PAGE))) {
                        "Earlier"
                    }
                }
                span { @if to > from { (from + 1) "–" (to) } @else { "None" } " of " (count) }
                @if to < count { a rel="next" href=(links.page(filter, to)) { "Later" } }
            }
        }
    }
}

fn actions(links: &Links, sheet: &Sheet<'_>) -> Markup {
    html! {
        div.actions {
            @if sheet.right > Right::Read {
                form #clear method="post" action=(links.post()) {
                    button name="action" value="clear" disabled[sheet.counts.completed == 0] {
                        "Clear Completed"
                    }
                }
                button #undo .live type="button" disabled { "Undo" }
                button #redo .live type="button" disabled { "Redo" }
            }
            a #reload .button href=(back(links.0)) { "Reload" }
            @if sheet.right == Right::Own {
                a #share-open .button href=(links.to("/shares")) { "Share" }
            }
            button.live type="button" popovertarget="keys" aria-keyshortcuts="?" { "Shortcuts" }
            @if !links.0.open {
                button type="button" popovertarget="session" {
                    (if links.0.is_guest() { "Sign in" } else { "Session" })
                }
            }
        }
    }
}

fn store(links: &Links, sheet: &Sheet<'_>) -> Markup {
    html! {
        section.store aria-labelledby="store-title" {
            div.store-top {
                h2 #store-title { "Storage" }
                p.links {
                    a href=(links.to("/usage")) { "Usage" }
                    a href=(links.to("/export")) download { "Export" }
                    @if let Some(archived) = sheet.archived {
                        a href=(links.to("/archive")) { "Archive " span #archived .count { (archived) } }
                    }
                    @if sheet.right == Right::Own {
                        button.plain type="button" popovertarget="import" { "Import" }
                        button.plain.live type="button" popovertarget="backups" { "Backups" }
                    }
                }
            }
            div #usage .usage data-level=(Level::of(sheet.size).name()) {
                label #usage-text for="meter" { (sentence(sheet.size)) }
                meter #meter min="0" max=(limit::STORAGE) value=(sheet.size) { (sentence(sheet.size)) }
            }
            ul #warnings .warnings role="list" aria-label="Warnings" hidden {}
            details #raw {
                summary { "Raw Store Data" }
                pre #json tabindex="0" role="region" aria-label="The store as JSON" { (pretty(sheet)) }
            }
        }
    }
}

/// What the page shows, as JSON for people.
fn pretty(sheet: &Sheet<'_>) -> String {
    let mut json = String::from("{\n  \"tables\": {\n    \"todos\": {");
    for (at, todo) in sheet.rows.iter().enumerate() {
        json.push_str(if at == 0 { "\n" } else { ",\n" });
        push_pretty(&mut json, todo);
    }
    json.push_str(if sheet.rows.is_empty() {
        "}"
    } else {
        "\n    }"
    });
    json.push_str("\n  },\n  \"values\": {}\n}");
    json
}

fn push_pretty(json: &mut String, todo: &Shown<'_>) {
    json.push_str("      ");
    push_json(json, &todo.id);
    json.push_str(": {\n        \"text\": ");
    push_json(json, &todo.text);
    json.push_str(",\n        \"completed\": ");
    json.push_str(if todo.completed { "true" } else { "false" });
    for (cell, text) in [("due", &todo.due), ("notes", &todo.notes)] {
        if let Some(text) = text {
            json.push_str(",\n        \"");
            json.push_str(cell);
            json.push_str("\": ");
            push_json(json, text);
        }
    }
    json.push_str("\n      }");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sheet::Counts;

    fn visit(user: &str, named: bool, filter: Filter) -> Visit {
        Visit {
            named,
            open: named,
            filter,
            ..Visit::to_own(user)
        }
    }

    fn sheet(right: Right, rows: Vec<Shown<'_>>) -> Sheet<'_> {
        let completed = rows.iter().filter(|row| row.completed).count();
        Sheet {
            right,
            counts: Counts {
                all: rows.len(),
                completed,
            },
            from: 0,
            rows,
            content: None,
            size: 12_288,
            archived: None,
        }
    }

    fn rows() -> Vec<Shown<'static>> {
        vec![
            Shown {
                id: "1000".into(),
                text: "tea & <cake>".into(),
                completed: false,
                due: Some("2026-12-03".into()),
                notes: Some("green\nor \"black\"".into()),
            },
            Shown {
                id: "1001".into(),
                text: "bread".into(),
                completed: true,
                due: None,
                notes: None,
            },
        ]
    }

    fn page(visit: &Visit, right: Right) -> String {
        render(visit, &sheet(right, rows()))
    }

    #[test]
    fn the_page_of_a_named_user() {
        let page = page(&visit("alice", true, Filter::All), Right::Own);
        insta::assert_snapshot!(page.replace("><", ">\n<"));
    }

    #[test]
    fn links_keep_what_is_shown() {
        let page = page(&visit("alice", true, Filter::Completed), Right::Own);
        assert!(page.contains(r#"data-count="all">2<"#));
        assert!(page.contains(r#"action="/todos?userId=alice&amp;filter=completed""#));
        assert_eq!(page.matches(r#"aria-current="page""#).count(), 1);
    }

    #[test]
    fn links_name_the_user_only_if_the_query_did() {
        let anonymous = visit("anon-1-abc", false, Filter::Active);
        assert_eq!(back(&anonymous), "/?filter=active");
        let page = page(&anonymous, Right::Own);
        assert!(
            !page.contains("userId="),
            "names in the query count nothing here"
        );
        assert_eq!(back(&visit("a&b", true, Filter::All)), "/?userId=a%26b");
    }

    #[test]
    fn links_stay_within_the_organisation_and_its_list() {
        let mut alice = visit("alice", true, Filter::Active);
        alice.org = Some("a&b".into());
        assert_eq!(back(&alice), "/?userId=alice&org=a%26b&filter=active");
        alice.list = "plan 9".into();
        alice.pass = Pass::Member { owner: false };
        let there = "/?userId=alice&org=a%26b&list=plan%209&filter=active";
        assert_eq!(back(&alice), there);
    }

    #[test]
    fn lists_of_an_organisation_lead_to_its_page() {
        let mut alice = visit("alice", true, Filter::All);
        assert!(!page(&alice, Right::Own).contains("/org"));
        alice.org = Some("a&b".into());
        let own = page(&alice, Right::Own);
        assert!(own.contains(r#"href="/org?userId=alice&amp;org=a%26b" title="a&amp;b""#));
        alice.list = "plan".into();
        alice.pass = Pass::Member { owner: false };
        let shared = page(&alice, Right::Write);
        assert!(shared.contains(r#"href="/org?userId=alice&amp;org=a%26b&amp;list=plan""#));
        // In a shard, where organisations are only counted.
        alice.pass = Pass::Own;
        assert!(!page(&alice, Right::Own).contains("/org"));
    }

    #[test]
    fn links_go_on_by_the_link_that_let_in() {
        let mut guest = visit("anon-1-abc", false, Filter::Active);
        guest.pass = Pass::Share("t0ken".into());
        assert_eq!(back(&guest), "/?share=t0ken&filter=active");
    }

    #[test]
    fn who_may_only_look_is_offered_nothing_else() {
        let alice = visit("alice", true, Filter::All);
        let page = |right| page(&alice, right);
        assert_eq!(page(Right::Read).matches("<form").count(), 0);
        assert!(page(Right::Write).contains("value=\"add\""));
        assert!(!page(Right::Write).contains("id=\"share\""));
        assert!(page(Right::Own).contains("id=\"share\""));
    }

    #[test]
    fn a_long_list_comes_in_pages() {
        let alice = visit("alice", true, Filter::All);
        let mut sheet = sheet(Right::Own, rows());
        assert!(!render(&alice, &sheet).contains("id=\"pages\""));
        sheet.counts.all = 500;
        sheet.from = 200;
        let page = render(&alice, &sheet);
        assert!(page.contains("201–202 of 500"));
        assert!(page.contains(r#"rel="prev" href="/?userId=alice""#));
        assert!(page.contains(r#"rel="next" href="/?userId=alice&amp;from=202""#));
        let there = Visit { from: 202, ..alice };
        assert_eq!(back(&there), "/?userId=alice&from=202");
    }

    #[test]
    fn an_empty_list_says_so() {
        let empty = sheet(Right::Own, Vec::new());
        let page = render(&visit("a", true, Filter::All), &empty);
        assert!(page.contains(r#"id="empty">Nothing to do yet."#));
        assert!(page.contains("disabled"));
    }

    #[test]
    fn days_are_told_in_words() {
        assert_eq!(in_words("2026-12-03").as_deref(), Some("3 Dec 2026"));
        for junk in [
            "",
            "2026-13-01",
            "2026-00-01",
            "2026-1-1",
            "2026-12-03-1",
            "soon",
        ] {
            assert_eq!(in_words(junk), None, "{junk}");
        }
    }

    #[test]
    fn modules_are_named_as_they_are_imported() {
        let public = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("public");
        let imports = include_str!("../public/tinybase.js");
        for module in MODULES {
            let is_there = public.join(&module[1..]).exists() || imports.contains(module);
            assert!(is_there, "{module}");
            // Nor does the page open offline without them.
            let kept = include_str!("../public/sw.js").contains(&format!("\"{module}\","));
            assert!(kept, "{module}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_people_write_becomes_markup(text in ".*", user in ".{1,30}") {
            let text = format!("<b>{text}\"'><i x='");
            let todo = Shown {
                id: text.as_str().into(),
                text: text.as_str().into(),
                completed: false,
                due: Some(text.as_str().into()),
                notes: Some(text.as_str().into()),
            };
            let mut sheet = sheet(Right::Own, vec![todo]);
            sheet.content = Some(serde_json::to_string(&text).unwrap());
            let page = render(&visit(&format!("<u>{user}"), true, Filter::All), &sheet);
            prop_assert!(!page.contains("<b>") && !page.contains("<i ") && !page.contains("<u>"));
            // Quotes of what was written would end attributes.
            let (before, embedded) = page.split_once("application/json\">").unwrap();
            prop_assert!(!before.contains("\"'>"));
            let (embedded, _) = embedded.split_once("</script>").unwrap();
            let read: String = serde_json::from_str(embedded).unwrap();
            prop_assert_eq!(read, text);
        }

        #[test]
        fn the_pretty_json_says_the_same(texts in prop::collection::vec(".*", 0..4)) {
            let rows = texts.iter().enumerate().map(|(id, text)| Shown {
                id: format!("n{id}").into(),
                text: text.into(),
                completed: id % 2 == 0,
                due: None,
                notes: Some(text.into()),
            });
            let rows: Vec<_> = rows.collect();
            let todos = rows.iter().map(|row| {
                let (text, completed, notes) = (&row.text, row.completed, &row.notes);
                let cells = serde_json::json!({"text": text, "completed": completed, "notes": notes});
                (row.id.to_string(), cells)
            });
            let todos: serde_json::Map<_, _> = todos.collect();
            let pretty: serde_json::Value =
                serde_json::from_str(&pretty(&sheet(Right::Own, rows))).unwrap();
            prop_assert_eq!(pretty, serde_json::json!({"tables": {"todos": todos}, "values": {}}));
        }
    }
}
