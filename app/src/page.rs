//! The page: all of it in the answer, usable by forms alone; `public/app.js` makes it live.

use maud::{DOCTYPE, Markup, html};

use crate::filter::Filter;
use crate::hop::Visit;
use crate::identity::encode;
use crate::limit;
use crate::sheet::{Sheet, Shown};
use crate::todos::push_json;
use crate::usage::{Level, sentence};

/// The page that `visit` asks for.
pub fn render(visit: &Visit, sheet: &Sheet<'_>) -> String {
    let links = Links(visit);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="description" content="Todos that are the same in every window, at once.";
                title { "tiny" }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
                link rel="modulepreload" href="/store.js";
                link rel="modulepreload" href="/connection.js";
                script type="module" src="/app.js" {}
            }
            body data-socket=(links.to("/todos")) data-user=(visit.user) data-filter=(visit.filter.name()) {
                a.skip href="#list" { "Skip to the list" }
                (top(visit))
                main {
                    h1 { ("Todos") }
                    (hint())
                    (add(&links))
                    p #problem .problem role="alert" hidden {}
                    (filters(&links, sheet))
                    (list(&links, sheet))
                    (actions(&links, sheet))
                    (store(&links, sheet))
                }
                template #row { (row(&links, &Shown::default())) }
                p #said .hidden aria-live="polite" {}
            }
        }
    }
    .into_string()
}

/// Where things are for this visitor.
struct Links<'v>(&'v Visit);

impl Links<'_> {
    /// `path`, for the same user.
    fn to(&self, path: &str) -> String {
        if self.0.named {
            format!("{path}?userId={}", encode(&self.0.user))
        } else {
            path.into()
        }
    }

    fn filtered(&self, path: &str, filter: Filter) -> String {
        let mut url = self.to(path);
        if filter != Filter::All {
            url.push(if self.0.named { '&' } else { '?' });
            url.push_str("filter=");
            url.push_str(filter.name());
        }
        url
    }

    /// Where forms go; the filter comes along, to be shown again.
    fn post(&self) -> String {
        self.filtered("/todos", self.0.filter)
    }
}

/// Where a visitor is sent after posting a form.
pub fn back(visit: &Visit) -> String {
    Links(visit).filtered("/", visit.filter)
}

fn top(visit: &Visit) -> Markup {
    html! {
        header.top {
            p.brand { "tiny" }
            div.badges {
                p #connection .badge data-state="off" role="status" { "Disconnected" }
                p #user .badge title=(visit.user) {
                    span.hidden { "User: " }
                    (visit.user)
                }
            }
        }
    }
}

fn hint() -> Markup {
    html! {
        p.hint {
            "Open this page twice: what you do in one window shows in the other. "
            "Every user has a list of their own; try "
            a href="/?userId=alice" { code { "?userId=alice" } }
            " and "
            a href="/?userId=bob" { code { "?userId=bob" } }
            "."
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
                a href=(links.filtered("/", filter)) data-filter=(filter.name()) aria-current=[current] {
                    (label) " " span.count data-count=(filter.name()) { (sheet.counts.of(filter)) }
                }
            }
        }
    }
}

fn list(links: &Links, sheet: &Sheet<'_>) -> Markup {
    html! {
        ul #list .list role="list" aria-label="Todos of this user" {
            @for shown in &sheet.rows { (row(links, shown)) }
        }
        p #empty .empty hidden[!sheet.rows.is_empty()] {
            @if links.0.filter == Filter::All { "Nothing to do yet." } @else { "Nothing here." }
        }
    }
}

/// One todo. The client clones this from a template and fills it in, so it stands only here.
fn row(links: &Links, todo: &Shown<'_>) -> Markup {
    let post = links.post();
    let Shown {
        id,
        text,
        completed,
        ..
    } = todo;
    html! {
        li.todo data-id=(id) data-completed=[completed.then_some("")] {
            form method="post" action=(post) {
                input type="hidden" name="id" value=(id);
                input type="hidden" name="completed" value=(!completed);
                button.check name="action" value="toggle" role="checkbox" aria-checked=(completed)
                    aria-label={ "Completed: " (text) } {}
            }
            span.text { (text) }
            details.edit {
                summary aria-label={ "Edit: " (text) } { "Edit" }
                form method="post" action=(post) {
                    input type="hidden" name="id" value=(id);
                    input name="text" type="text" required maxlength=(limit::TEXT) autocomplete="off"
                        enterkeyhint="done" value=(text) aria-label="New text";
                    button name="action" value="edit" { "Save" }
                }
            }
            form method="post" action=(post) {
                input type="hidden" name="id" value=(id);
                button.delete name="action" value="delete" aria-label={ "Delete: " (text) } { "Delete" }
            }
        }
    }
}

fn actions(links: &Links, sheet: &Sheet<'_>) -> Markup {
    html! {
        div.actions {
            form #clear method="post" action=(links.post()) {
                button name="action" value="clear" disabled[sheet.counts.completed == 0] {
                    "Clear Completed"
                }
            }
            a #reload .button href=(back(links.0)) { "Reload" }
        }
    }
}

fn store(links: &Links, sheet: &Sheet<'_>) -> Markup {
    html! {
        section.store aria-labelledby="store-title" {
            div.store-top {
                h2 #store-title { "Raw Store Data" }
                p.links {
                    a href=(links.to("/usage")) { "Usage" }
                    a href=(links.to("/export")) download { "Export" }
                }
            }
            div #usage .usage data-level=(Level::of(sheet.size).name()) {
                label #usage-text for="meter" { (sentence(sheet.size)) }
                meter #meter min="0" max=(limit::STORAGE) value=(sheet.size) { (sentence(sheet.size)) }
            }
            pre #json tabindex="0" aria-label="The store as JSON" { (pretty(sheet)) }
        }
    }
}

/// What the page shows, as JSON for people.
fn pretty(sheet: &Sheet<'_>) -> String {
    let mut json = String::from("{\n  \"tables\": {\n    \"todos\": {");
    for (at, todo) in sheet.rows.iter().enumerate() {
        json.push_str(if at == 0 { "\n" } else { ",\n" });
        json.push_str("      ");
        push_json(&mut json, &todo.id);
        json.push_str(": {\n        \"text\": ");
        push_json(&mut json, &todo.text);
        json.push_str(",\n        \"completed\": ");
        json.push_str(if todo.completed { "true" } else { "false" });
        json.push_str("\n      }");
    }
    json.push_str(if sheet.rows.is_empty() {
        "}"
    } else {
        "\n    }"
    });
    json.push_str("\n  },\n  \"values\": {}\n}");
    json
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tinybase::Store;

    use super::*;
    use crate::gate::Limits;
    use crate::hop::Pass;
    use crate::list::List;
    use crate::sheet::Right;
    use crate::todos::Todo;

    fn visit(user: &str, named: bool, filter: Filter) -> Visit {
        Visit {
            user: user.into(),
            named,
            list: String::new(),
            pass: Pass::Own,
            filter,
            from: 0,
        }
    }

    /// What the page shows of a list with these todos; those with an exclamation mark are done.
    fn page(visit: &Visit, texts: &[&str]) -> String {
        let mut list = List::new(Store::new("server"));
        let todos: Vec<_> = (1_000..)
            .zip(texts)
            .map(|(id, text)| {
                let todo = Todo {
                    text: text.trim_end_matches('!').into(),
                    completed: text.ends_with('!'),
                };
                (id.to_string().into(), todo)
            })
            .collect();
        let edits = list.added(&todos, 7);
        list.edit(edits, Limits::default(), 0, 1_764_000_000_000)
            .unwrap();
        let _ = list.commit();
        render(visit, &Sheet::of(&mut list, visit, Right::Own, 12_288))
    }

    const TODOS: [&str; 2] = ["tea & <cake>", "bread!"];

    #[test]
    fn the_page_of_a_named_user() {
        let page = page(&visit("alice", true, Filter::All), &TODOS);
        insta::assert_snapshot!(page.replace("><", ">\n<"));
    }

    #[test]
    fn a_filter_shows_its_own_and_counts_all() {
        let page = page(&visit("alice", true, Filter::Completed), &TODOS);
        assert!(page.contains(r#"data-id="1001""#));
        assert!(!page.contains(r#"data-id="1000""#));
        assert!(page.contains(r#"data-count="all">2<"#));
        assert!(page.contains(r#"action="/todos?userId=alice&amp;filter=completed""#));
        assert_eq!(page.matches(r#"aria-current="page""#).count(), 1);
    }

    #[test]
    fn links_name_the_user_only_if_the_query_did() {
        let anonymous = visit("anon-1-abc", false, Filter::Active);
        assert_eq!(back(&anonymous), "/?filter=active");
        assert!(!page(&anonymous, &TODOS).contains("userId=anon"));
        assert_eq!(back(&visit("a&b", true, Filter::All)), "/?userId=a%26b");
    }

    #[test]
    fn an_empty_list_says_so() {
        let page = page(&visit("a", true, Filter::All), &[]);
        assert!(page.contains(r#"id="empty">Nothing to do yet."#));
        assert!(page.contains("disabled"));
    }

    proptest! {
        #[test]
        fn nothing_that_people_write_becomes_markup(text in ".*", user in ".{1,30}") {
            let text = format!("<b>{text}\"'><i x='");
            let page = page(&visit(&format!("<u>{user}"), true, Filter::All), &[&text]);
            prop_assert!(!page.contains("<b>") && !page.contains("<i ") && !page.contains("<u>"));
            // Quotes of what was written would end attributes.
            prop_assert!(!page.contains("\"'>"));
        }
    }
}
