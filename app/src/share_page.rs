//! The page of a list's share links, for browsers without JavaScript.

use maud::{Markup, html};

use crate::hop::Visit;
use crate::lesser_page::document;
use crate::page::to;
use crate::share::{LABEL, Share, right_name};

/// `made` is a link that was made just now: it is shown this once.
pub fn render(visit: &Visit, shares: &[Share], made: Option<&str>) -> String {
    let post = to(visit, "/shares");
    document(
        "Shared",
        &html! {
            h1 { "Share this list" }
            @if let Some(link) = made {
                p {
                    label for="made" { "The link. Copy it now: it is not kept, so it can't be shown again." }
                    input #made type="url" readonly value=(link);
                }
            }
            form .add method="post" action=(post) {
                label for="label" { "For whom?" }
                input #label name="label" type="text" maxlength=(LABEL) autocomplete="off";
                label for="right" { "They may" }
                select #right name="right" {
                    option value="read" { "read" }
                    option value="write" { "read and write" }
                }
                button.solid name="action" value="create" { "Make a link" }
            }
            @if shares.is_empty() {
                p { "Nobody has a link to this list." }
            } @else {
                ul role="list" {
                    @for share in shares { (row(share, &post)) }
                }
            }
            p { a href=(to(visit, "/")) { "Back to the list" } }
        },
    )
}

fn row(share: &Share, post: &str) -> Markup {
    let name = if share.label.is_empty() {
        "A link"
    } else {
        &share.label
    };
    html! {
        li {
            form method="post" action=(post) {
                span { (name) " (" (right_name(share.right)) ") " }
                input type="hidden" name="id" value=(share.id);
                button name="action" value="revoke" aria-label={ "Revoke: " (name) } { "Revoke" }
            }
        }
    }
}

/// The page for somebody who is not let in.
pub fn refusal(why: &str) -> String {
    document(
        "Not open to you",
        &html! {
            h1 { "Not open to you" }
            p { (why) }
            p { a href="/" { "Your own list" } }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hop::Pass;
    use crate::sheet::Right;

    fn visit(named: bool) -> Visit {
        Visit {
            named,
            ..Visit::to_own("a&b")
        }
    }

    #[test]
    fn links_can_be_made_and_revoked_by_forms() {
        let share = Share {
            id: "s1".into(),
            right: Right::Read,
            created: 0,
            label: "<b>Bob</b>".into(),
        };
        let page = render(
            &visit(true),
            &[share],
            Some("https://todo.example/?share=x"),
        );
        assert!(page.contains(r#"action="/shares?userId=a%26b""#));
        assert!(page.contains(r#"value="https://todo.example/?share=x""#));
        assert!(page.contains("&lt;b&gt;Bob&lt;/b&gt; (read)") && !page.contains("<b>"));
        assert!(page.contains(r#"name="id" value="s1""#));
        assert!(page.contains(r#"href="/?userId=a%26b""#));
    }

    #[test]
    fn forms_are_about_the_list_that_is_shared() {
        let plan = Visit {
            org: Some("acme".into()),
            list: "plan".into(),
            pass: Pass::Member { owner: true },
            ..visit(true)
        };
        let page = render(&plan, &[], None);
        let there = "userId=a%26b&amp;org=acme&amp;list=plan";
        assert!(page.contains(&format!("action=\"/shares?{there}\"")));
        assert!(page.contains(&format!("href=\"/?{there}\"")));
    }

    #[test]
    fn the_link_is_shown_once() {
        let page = render(&visit(false), &[], None);
        assert!(page.contains("Nobody has a link") && !page.contains("Copy it now"));
        assert!(page.contains(r#"action="/shares""#));
    }
}
