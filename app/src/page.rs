//! The page: all of it in the answer, usable by forms alone; `public/app.js` makes it live.

use maud::{DOCTYPE, Markup, html};

use crate::filter::Filter;
use crate::hop::Visit;
use crate::identity::encode;
use crate::limit;
use crate::todos::{Id, Todo, Todos};
use crate::usage::{Level, sentence};

/// The page that `visit` asks for, of `todos` that take `size` bytes of storage.
pub fn render(visit: &Visit, todos: &Todos, size: u64) -> String {
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
                    (filters(&links, todos))
                    (list(&links, todos))
                    (actions(&links, todos))
                    (store(&links, todos, size))
                }
                template #row { (row(&links, "", &Todo { text: String::new(), completed: false })) }
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

fn filters(links: &Links, todos: &Todos) -> Markup {
    html! {
        nav #filters .filters aria-label="Which todos" {
            @for filter in Filter::EVERY {
                @let (label, count) = match filter {
                    Filter::All => ("All", todos.len()),
                    Filter::Active => ("Active", todos.active()),
                    Filter::Completed => ("Completed", todos.completed()),
                };
                @let current = (filter == links.0.filter).then_some("page");
                a href=(links.filtered("/", filter)) data-filter=(filter.name()) aria-current=[current] {
                    (label) " " span.count data-count=(filter.name()) { (count) }
                }
            }
        }
    }
}

fn list(links: &Links, todos: &Todos) -> Markup {
    let filter = links.0.filter;
    let shown = || todos.iter().filter(|row| filter.shows(&row.todo));
    html! {
        ul #list .list role="list" aria-label="Todos of this user" {
            @for shown in shown() { (row(links, &shown.id, &shown.todo)) }
        }
        p #empty .empty hidden[shown().next().is_some()] {
            @if filter == Filter::All { "Nothing to do yet." } @else { "Nothing here." }
        }
    }
}

/// One todo. The client clones this from a template and fills it in, so it stands only here.
fn row(links: &Links, id: &str, todo: &Todo) -> Markup {
    let post = links.post();
    let Todo { text, completed } = todo;
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

fn actions(links: &Links, todos: &Todos) -> Markup {
    html! {
        div.actions {
            form #clear method="post" action=(links.post()) {
                button name="action" value="clear" disabled[todos.completed() == 0] {
                    "Clear Completed"
                }
            }
            a #reload .button href=(back(links.0)) { "Reload" }
        }
    }
}

fn store(links: &Links, todos: &Todos, size: u64) -> Markup {
    html! {
        section.store aria-labelledby="store-title" {
            div.store-top {
                h2 #store-title { "Raw Store Data" }
                p.links {
                    a href=(links.to("/usage")) { "Usage" }
                    a href=(links.to("/export")) download { "Export" }
                }
            }
            div #usage .usage data-level=(Level::of(size).name()) {
                label #usage-text for="meter" { (sentence(size)) }
                meter #meter min="0" max=(limit::STORAGE) value=(size) { (sentence(size)) }
            }
            pre #json tabindex="0" aria-label="The store as JSON" { (pretty(todos)) }
        }
    }
}

/// The store as JSON for people; the client writes the same.
pub fn pretty(todos: &Todos) -> String {
    let mut json = String::from("{\n  \"tables\": {\n    \"todos\": {");
    for (at, row) in todos.iter().enumerate() {
        json.push_str(if at == 0 { "\n" } else { ",\n" });
        push_pretty(&mut json, &row.id, &row.todo);
    }
    json.push_str(if todos.is_empty() { "}" } else { "\n    }" });
    json.push_str("\n  },\n  \"values\": {}\n}");
    json
}

fn push_pretty(json: &mut String, id: &Id, todo: &Todo) {
    json.push_str("      ");
    crate::todos::push_json(json, id);
    json.push_str(": {\n        \"text\": ");
    crate::todos::push_json(json, &todo.text);
    json.push_str(",\n        \"completed\": ");
    json.push_str(if todo.completed { "true" } else { "false" });
    json.push_str("\n      }");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hop::Pass;
    use crate::todos::Change;
    use crate::todos::tests::{add, edit};

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

    fn todos() -> Todos {
        let mut todos = Todos::default();
        edit(
            &mut todos,
            vec![("1000", add("tea & <cake>")), ("1001", add("bread"))],
        );
        let done = Change::Set {
            text: None,
            completed: Some(true),
        };
        edit(&mut todos, vec![("1001", done)]);
        todos
    }

    #[test]
    fn the_page_of_a_named_user() {
        let page = render(&visit("alice", true, Filter::All), &todos(), 12_288);
        insta::assert_snapshot!(page.replace("><", ">\n<"));
    }

    #[test]
    fn a_filter_shows_its_own_and_counts_all() {
        let page = render(&visit("alice", true, Filter::Completed), &todos(), 0);
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
        assert!(!render(&anonymous, &todos(), 0).contains("userId=anon"));
        assert_eq!(back(&visit("a&b", true, Filter::All)), "/?userId=a%26b");
    }

    #[test]
    fn an_empty_list_says_so() {
        let page = render(&visit("a", true, Filter::All), &Todos::default(), 0);
        assert!(page.contains(r#"id="empty">Nothing to do yet."#));
        assert!(page.contains("disabled"));
    }

    proptest! {
        #[test]
        fn nothing_that_people_write_becomes_markup(text in ".*", user in ".{1,30}") {
            let mut todos = Todos::default();
            edit(&mut todos, vec![("1", add(&format!("<b>{text}\"'><i x='")))]);
            let page = render(&visit(&format!("<u>{user}"), true, Filter::All), &todos, 0);
            prop_assert!(!page.contains("<b>") && !page.contains("<i ") && !page.contains("<u>"));
            // Quotes of what was written would end attributes.
            prop_assert!(!page.contains("\"'>"));
        }

        #[test]
        fn the_pretty_json_says_the_same(texts in prop::collection::vec(".*", 0..4)) {
            let mut todos = Todos::default();
            for (id, text) in texts.iter().enumerate() {
                edit(&mut todos, vec![(&format!("n{id}"), add(text))]);
            }
            let pretty: serde_json::Value = serde_json::from_str(&pretty(&todos)).unwrap();
            let plain: serde_json::Value = serde_json::from_str(&todos.to_json()).unwrap();
            prop_assert_eq!(pretty, plain);
        }
    }
}
