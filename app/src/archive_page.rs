//! The page of what rests in the archive: found by words, and put back into the list.

use maud::{Markup, html};

use crate::address::with_query;
use crate::archive::{Findings, PAGE, Resting};
use crate::lesser_page::document;
use crate::page::in_words;

/// Which part of the archive is looked at, and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The user, where addresses have to go on naming them.
    pub user: Option<String>,
    /// The words that are looked for.
    pub written: String,
    /// How many stand before the first.
    pub from: u32,
}

impl View {
    /// The address of this part, from another todo on.
    pub fn address(&self, from: u32) -> String {
        let from_text = from.to_string();
        let fields = [
            self.user.as_deref().map(|user| ("userId", user)),
            (!self.written.is_empty()).then_some(("q", &*self.written)),
            (from > 0).then_some(("from", &*from_text)),
        ];
        with_query("/archive", fields.into_iter().flatten())
    }

    fn list(&self) -> String {
        with_query("/", self.user.as_deref().map(|user| ("userId", user)))
    }
}

pub fn render(view: &View, found: &Findings) -> String {
    let searched = !view.written.trim().is_empty();
    document(
        "Archive",
        &html! {
            h1 { "Archive" }
            p.hint {
                "Todos that nobody has changed for a while rest here. "
                @match found.archived {
                    0 => "There are none yet.",
                    1 => "There is one.",
                    many => { "There are " (many) "." }
                }
            }
            form .add method="get" action="/archive" role="search" {
                @if let Some(user) = &view.user { input type="hidden" name="userId" value=(user); }
                label.hidden for="q" { "Words" }
                input #q name="q" type="search" value=(view.written) placeholder="Words" autocomplete="off" enterkeyhint="search";
                button.solid { "Search" }
            }
            @if found.todos.is_empty() && (searched || view.from > 0) {
                p { "Nothing is found." }
            } @else {
                ul role="list" aria-label="What is found" {
                    @for todo in &found.todos { (row(view, todo)) }
                }
            }
            (pages(view, found))
            p {
                @if searched { a href=(View { written: String::new(), ..view.clone() }.address(0)) { "All" } " · " }
                a href=(view.list()) { "Back to the list" }
            }
        },
    )
}

fn row(view: &View, todo: &Resting) -> Markup {
    let due = todo.due.as_deref().and_then(in_words);
    html! {
        li {
            form method="post" action=(view.address(view.from)) {
                span {
                    (todo.text)
                    small {
                        (if todo.completed { "Completed" } else { "Active" })
                        @if let Some(due) = due { " · Due " (due) }
                        @if let Some(notes) = &todo.notes { " · " (notes) }
                    }
                }
                input type="hidden" name="id" value=(todo.id);
                button name="action" value="restore" aria-label={ "Put back: " (todo.text) } { "Put back" }
            }
        }
    }
}

/// The way to what is not on this page; none where all is.
fn pages(view: &View, found: &Findings) -> Markup {
    html! {
        @if view.from > 0 || found.next.is_some() {
            nav.pages aria-label="Pages" {
                @if view.from > 0 {
                    a rel="prev" href=(view.address(view.from.saturating_sub(PAGE))) { "Newer" }
                }
                @if let Some(next) = found.next {
                    a rel="next" href=(view.address(next)) { "Older" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(next: Option<u32>) -> Findings {
        Findings {
            todos: vec![Resting {
                id: "a&b".into(),
                text: "<b>tea</b>".into(),
                notes: Some("with milk".into()),
                due: Some("2026-12-03".into()),
                completed: true,
                updated: 0,
                archived: 0,
            }],
            next,
            archived: 51,
        }
    }

    #[test]
    fn what_rests_can_be_searched_and_put_back_by_forms() {
        let view = View {
            user: Some("é".into()),
            written: "te a".into(),
            from: 50,
        };
        let page = render(&view, &found(Some(100)));
        assert!(page.contains("There are 51."));
        assert!(page.contains("&lt;b&gt;tea&lt;/b&gt;") && !page.contains("<b>"));
        assert!(page.contains("Completed · Due 3 Dec 2026 · with milk"));
        assert!(page.contains(r#"action="/archive?userId=%C3%A9&amp;q=te%20a&amp;from=50""#));
        assert!(page.contains(r#"name="id" value="a&amp;b""#));
        assert!(page.contains(r#"rel="prev" href="/archive?userId=%C3%A9&amp;q=te%20a""#));
        assert!(
            page.contains(r#"rel="next" href="/archive?userId=%C3%A9&amp;q=te%20a&amp;from=100""#)
        );
        assert!(page.contains(r#"href="/?userId=%C3%A9""#));
    }

    #[test]
    fn a_short_archive_has_one_page() {
        let page = render(&View::default(), &found(None));
        assert!(!page.contains("rel=") || !page.contains("nav"));
        assert!(page.contains(r#"action="/archive""#) && page.contains(r#"href="/""#));
        let nothing = Findings {
            todos: Vec::new(),
            next: None,
            archived: 0,
        };
        assert!(render(&View::default(), &nothing).contains("There are none yet."));
        let view = View {
            written: "x".into(),
            ..View::default()
        };
        assert!(render(&view, &nothing).contains("Nothing is found."));
    }
}
