//! What opens over the page by a button. The client's part is `public/dialogs.js`.

use maud::{Markup, html};

use super::Links;
use crate::hop::Visit;
use crate::sheet::Right;

/// What opens over the page, by a button with its id as `popovertarget`.
fn dialog(id: &str, title: &str, content: &Markup) -> Markup {
    html! {
        section .dialog id=(id) popover role="dialog" aria-labelledby={ (id) "-title" } {
            div.dialog-top {
                h2 id={ (id) "-title" } { (title) }
                button.plain type="button" popovertarget=(id) popovertargetaction="hide" { "Close" }
            }
            (content)
        }
    }
}

pub(super) fn keys(right: Right) -> Markup {
    let look = [
        ("j ↓", "next todo"),
        ("k ↑", "previous todo"),
        ("/", "filters"),
        ("1 2 3", "all, active, completed"),
        ("?", "this"),
    ];
    let edit = [
        ("n", "new todo"),
        ("x Space", "completed or not"),
        ("e Enter F2", "edit"),
        ("Escape", "leave what is being edited"),
        ("Alt+↑ Alt+↓", "move"),
        ("Delete", "delete"),
        ("Ctrl+Z ⌘Z", "undo"),
        ("Ctrl+Shift+Z ⇧⌘Z", "redo"),
    ];
    let edit = (right > Right::Read).then_some(edit);
    let content = html! {
        dl.keys {
            @for (keys, what) in look.into_iter().chain(edit.into_iter().flatten()) {
                div {
                    dt { @for key in keys.split(' ') { kbd { (key) } " " } }
                    dd { (what) }
                }
            }
        }
    };
    dialog("keys", "Shortcuts", &content)
}

pub(super) fn share(links: &Links) -> Markup {
    let content = html! {
        p { "Whoever has a link can open this list, until you revoke it." }
        form #share-form method="post" action=(links.to("/shares")) {
            input type="hidden" name="action" value="create";
            label.field { "For whom" input name="label" type="text" maxlength="100" autocomplete="off"; }
            fieldset {
                legend { "They may" }
                label { input type="radio" name="right" value="write" checked; " change it" }
                label { input type="radio" name="right" value="read"; " look at it" }
            }
            button.solid { "Create link" }
        }
        div #share-new .share-new hidden {
            label.field { "The link" input #share-url type="text" readonly; }
            button #share-copy type="button" { "Copy" }
        }
        p #share-problem .problem role="alert" hidden {}
        ul #share-list .share-list role="list" aria-label="Links" {}
        (row("share-row", "Revoke"))
    };
    dialog("share", "Share this list", &content)
}

/// What a list in a dialog has for each thing: what it is, and the one thing to do with it.
fn row(id: &str, act: &str) -> Markup {
    html! {
        template id=(id) {
            li {
                span.share-label {}
                span.share-right {}
                button.plain type="button" { (act) }
            }
        }
    }
}

pub(super) fn import(links: &Links) -> Markup {
    let content = html! {
        p { "Takes the todos of an exported file into this list, beside those that are there." }
        form #import-form method="post" enctype="multipart/form-data" action=(links.to("/import")) {
            label.field { "File" input name="file" type="file" accept="application/json,.json" required; }
            button.solid { "Import" }
        }
        p #import-result role="status" {}
    };
    dialog("import", "Import", &content)
}

pub(super) fn backups() -> Markup {
    let content = html! {
        p { "What this list was. Restoring makes a backup first, so that it can be undone." }
        p { button #backup-make type="button" { "Back up now" } }
        p #backup-problem .problem role="alert" hidden {}
        p #backup-result role="status" {}
        ul #backup-list .share-list role="list" aria-label="Backups" {}
        (row("backup-row", "Restore"))
    };
    dialog("backups", "Backups", &content)
}

/// Who one is, and how to become somebody else: where sessions are signed.
pub(super) fn session(visit: &Visit) -> Markup {
    let content = html! {
        @if visit.is_guest() {
            p { "You are a guest: this list is yours as long as this browser keeps its session." }
            form method="post" action="/session" {
                label.field {
                    "Token of your identity provider"
                    input name="token" type="password" required autocomplete="off" spellcheck="false";
                }
                button.solid { "Sign in" }
            }
        } @else {
            p { "You are signed in as " strong { (visit.user) } "." }
            form #leave method="post" action="/session" {
                input type="hidden" name="action" value="leave";
                button { "Sign out" }
            }
        }
    };
    dialog("session", "Session", &content)
}
