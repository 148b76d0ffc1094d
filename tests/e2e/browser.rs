//! The todo app in a real browser, served by `tiny dev`.

use crate::support::{Browser, Dev, Tab, Tiny, free_port};

/// The texts in the list, in order.
const TEXTS: &str = "[...document.querySelectorAll('#list .text')].map((text) => text.textContent)";
/// The overlay's text, or nothing.
const OVERLAY: &str = "(document.querySelector('tiny-failure')?.shadowRoot.textContent ?? '')";

fn texts_are(texts: &[&str]) -> String {
    let texts = serde_json::to_string(texts).unwrap();
    format!("JSON.stringify({TEXTS}) === JSON.stringify({texts})")
}

async fn connected(tab: &Tab) {
    tab.until("document.querySelector('#connection').textContent === 'Connected'")
        .await;
}

async fn add(tab: &Tab, text: &str) {
    tab.type_into("#new", text).await;
    tab.press("#new", "Enter").await;
}

/// Without the limit that a person never meets, but a test does.
fn todo_app(name: &str) -> Tiny {
    Tiny::todo_app(name).with("tiny.toml", |text| {
        text.replace("limit = 100", "limit = 1000000")
    })
}

async fn post(dev: &Dev, user: &str, form: &'static str) {
    let request = dev
        .client
        .post(dev.url(&format!("/todos?userId={user}")))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    assert_eq!(request.send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn the_page_works_for_one_for_two_and_without_javascript() {
    let dev = todo_app("page").dev().await;
    let browser = Browser::open().await;
    the_first_page_has_the_todos_and_asks_nobody_else(&dev, &browser).await;
    two_browsers_see_each_others_edits(&dev, &browser).await;
    forms_are_enough(&dev, &browser).await;
    browser.close().await;
}

async fn the_first_page_has_the_todos_and_asks_nobody_else(dev: &Dev, browser: &Browser) {
    post(
        dev,
        "first",
        "action=add&text=tea+%26+%3Cb%3Ecake%3C%2Fb%3E",
    )
    .await;
    let html = dev.text("/?userId=first").await;
    assert!(html.contains("tea &amp; &lt;b&gt;cake&lt;/b&gt;"), "{html}");

    let tab = browser.page(&dev.url("/?userId=first")).await;
    tab.until(&texts_are(&["tea & <b>cake</b>"])).await;
    connected(&tab).await;
    assert_eq!(
        tab.eval("document.querySelector('#user').title").await,
        "first"
    );
    add(&tab, "bread").await;
    tab.until(&texts_are(&["tea & <b>cake</b>", "bread"])).await;
    tab.until("document.querySelector('#json').textContent.includes('bread')")
        .await;
    tab.until("document.querySelector('#new').value === ''")
        .await;

    tab.until("[...document.styleSheets].length > 0").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    let home = dev.url("/");
    let foreign: Vec<_> = tab
        .urls()
        .into_iter()
        .filter(|url| !url.starts_with(&home))
        .collect();
    assert_eq!(foreign, Vec::<String>::new());
    assert!(tab.urls().len() > 2, "{:?}", tab.urls());
}

async fn two_browsers_see_each_others_edits(dev: &Dev, browser: &Browser) {
    let other = Browser::open().await;
    let url = dev.url("/?userId=alice");
    let (one, two) = (browser.page(&url).await, other.page(&url).await);
    let bob = browser.page(&dev.url("/?userId=bob")).await;
    for tab in [&one, &two, &bob] {
        connected(tab).await;
    }

    add(&one, "tea").await;
    two.until(&texts_are(&["tea"])).await;
    add(&two, "bread").await;
    one.until(&texts_are(&["tea", "bread"])).await;

    two.click("li.todo:first-child .check").await;
    one.until("document.querySelector('li.todo:first-child').hasAttribute('data-completed')")
        .await;
    one.until("document.querySelector('[data-count=active]').textContent === '1'")
        .await;
    one.click("#clear button").await;
    for tab in [&one, &two] {
        tab.until(&texts_are(&["bread"])).await;
    }
    one.click("li.todo .delete").await;
    two.until(&texts_are(&[])).await;

    assert_eq!(bob.eval(TEXTS).await, serde_json::json!([]));
    for tab in [&one, &two, &bob] {
        assert_eq!(tab.errors(), Vec::<String>::new());
    }
    other.close().await;
}

async fn forms_are_enough(dev: &Dev, browser: &Browser) {
    let tab = browser
        .page_without_javascript(&dev.url("/?userId=plain"))
        .await;
    for text in ["tea", "bread"] {
        tab.type_into("#new", text).await;
        tab.click("#add button").await;
        tab.until_text(text).await;
    }
    tab.until(&texts_are(&["tea", "bread"])).await;
    // Nothing has run that would have connected it.
    assert_eq!(
        tab.eval("document.querySelector('#connection').innerText")
            .await,
        "Disconnected"
    );

    tab.click("li.todo:first-child .check").await;
    tab.until("document.querySelector('li.todo:first-child').hasAttribute('data-completed')")
        .await;
    tab.click("[data-filter=active]").await;
    tab.until(&texts_are(&["bread"])).await;
    tab.click("[data-filter=all]").await;
    tab.until(&texts_are(&["tea", "bread"])).await;
    tab.click("#clear button").await;
    tab.until(&texts_are(&["bread"])).await;
    tab.click("li.todo .edit summary").await;
    tab.type_into("li.todo .edit input[name=text]", " and butter")
        .await;
    tab.click("li.todo .edit button").await;
    tab.until("document.querySelector('#list .text').textContent.includes(' and butter')")
        .await;
    tab.click("li.todo .delete").await;
    tab.until(&texts_are(&[])).await;
}

#[tokio::test]
async fn open_pages_follow_what_is_edited() {
    let mut dev = todo_app("live").dev().await;
    post(&dev, "alice", "action=add&text=tea").await;
    let browser = Browser::open().await;
    let tab = browser.page(&dev.url("/?userId=alice")).await;
    connected(&tab).await;

    // A stylesheet is exchanged in place: the page keeps what it remembers.
    tab.eval("window.kept = 'yes'").await;
    dev.edit("app/public/style.css", |css| {
        format!("{css}\nbody {{ outline: 3px solid rgb(1, 2, 3); }}\n")
    });
    tab.until("getComputedStyle(document.body).outlineColor === 'rgb(1, 2, 3)'")
        .await;
    assert_eq!(tab.eval("window.kept").await, "yes");

    // An error lies over the page, which goes on living below.
    let page = "app/src/page.rs";
    dev.edit(page, |source| {
        format!("{source}\nfn broken() -> u8 {{ \"text\" }}\n")
    });
    dev.sees_build_error("mismatched types").await;
    tab.until(&format!("{OVERLAY}.includes('mismatched types')"))
        .await;
    assert_eq!(tab.eval("window.kept").await, "yes");

    // A fix takes it away and brings the new page, with its data.
    dev.edit(page, |source| {
        source
            .replace("\nfn broken() -> u8 { \"text\" }\n", "")
            .replace("\"Todos\"", "\"Mended\"")
    });
    dev.event("reload").await;
    tab.until("document.querySelector('h1').textContent === 'Mended'")
        .await;
    tab.until(&format!("{OVERLAY} === ''")).await;
    tab.until(&texts_are(&["tea"])).await;
    assert_eq!(tab.eval("window.kept === undefined").await, true);
    connected(&tab).await;

    // A broken manifest is shown in the same way.
    dev.edit("tiny.toml", |text| {
        text.replace("compatibility_date", "compatability_date")
    });
    dev.event("manifest_broken").await;
    tab.until(&format!("{OVERLAY}.includes('did you mean')"))
        .await;
    dev.edit("tiny.toml", |text| {
        text.replace("compatability_date", "compatibility_date")
    });
    tab.until(&format!("{OVERLAY} === ''")).await;
    browser.close().await;
}

#[tokio::test]
async fn edits_made_while_the_server_is_away_are_sent_when_it_is_back() {
    let port = free_port();
    let project = todo_app("away").arg("--no-live-reload");
    let dev = project.dev_on(port).await;
    let browser = Browser::open().await;
    let tab = browser.page(&dev.url("/?userId=alice")).await;
    connected(&tab).await;
    add(&tab, "before").await;
    dev.json_until("/todos?userId=alice", |store| {
        store.to_string().contains("before")
    })
    .await;

    let project = dev.kill().await;
    tab.until("document.querySelector('#connection').textContent === 'Disconnected'")
        .await;
    add(&tab, "meanwhile").await;
    tab.until(&texts_are(&["before", "meanwhile"])).await;

    let dev = project.dev_on(port).await;
    connected(&tab).await;
    dev.json_until("/todos?userId=alice", |store| {
        store.to_string().contains("meanwhile")
    })
    .await;
    tab.until(&texts_are(&["before", "meanwhile"])).await;
    browser.close().await;
}
