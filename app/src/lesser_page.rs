//! What the pages besides the list's own are made of: forms alone, no script.

use maud::{DOCTYPE, Markup, html};

pub fn document(title: &str, main: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – tiny" }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
            }
            body { main { (main) } }
        }
    }
    .into_string()
}
