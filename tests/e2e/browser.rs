//! The todo app in a real browser, served by `tiny dev`.

use crate::support::{Browser, Dev, Held, PATIENCE, Tab, Tiny, eventually, free_port};

/// The texts in the list, in order.
const TEXTS: &str = "[...document.querySelectorAll('#list .text')].map((text) => text.textContent)";
/// The overlay's text, or nothing.
const OVERLAY: &str = "(document.querySelector('tiny-failure')?.shadowRoot.textContent ?? '')";

fn texts_are(texts: &[&str]) -> String {
    let texts = serde_json::to_string(texts).unwrap();
    format!("JSON.stringify({TEXTS}) === JSON.stringify({texts})")
}

pub(crate) async fn connected(tab: &Tab) {
    tab.until("document.querySelector('#connection').textContent === 'Connected'")
        .await;
}

pub(crate) async fn add(tab: &Tab, text: &str) {
    tab.type_into("#new", text).await;
    tab.press("#new", "Enter").await;
}

/// Waits until a page has found a server again that was away: the longer it was, the longer pages
/// wait between two tries, up to a minute.
pub(crate) async fn reconnected(tab: &Tab) {
    tab.until_within(
        3 * PATIENCE,
        "document.querySelector('#connection').textContent === 'Connected'",
    )
    .await;
}

/// The row of the todo with this text.
fn row(text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!(
        "[...document.querySelectorAll('.todo')].find((row) => row.querySelector('.text').textContent === {text})"
    )
}

async fn focus(tab: &Tab, text: &str) {
    tab.eval(&format!("{}.focus()", row(text))).await;
}

/// Waits until the row's text, day and notes have these words in them.
async fn row_says(tab: &Tab, text: &str, words: &str) {
    let words = serde_json::to_string(words).unwrap();
    tab.until(&format!(
        "{}?.querySelector('.words').innerText.includes({words}) ?? false",
        row(text)
    ))
    .await;
}

async fn is_completed(tab: &Tab, text: &str) {
    tab.until(&format!(
        "{}?.hasAttribute('data-completed') ?? false",
        row(text)
    ))
    .await;
}

/// Waits until the page knows that the server has all its edits.
pub(crate) async fn saved(tab: &Tab) {
    tab.until("!Object.keys(localStorage).some((key) => key.startsWith('unsent '))")
        .await;
}

/// Fills the editor that is being opened, and saves.
async fn fill_editor(tab: &Tab, script: &str) {
    tab.until("document.activeElement.matches('.editor [name=text]')")
        .await;
    tab.eval(&format!(
        "(() => {{ const {{ text, due, notes }} = document.activeElement.form.elements; {script}; \
         text.form.requestSubmit(); }})()"
    ))
    .await;
}

/// Waits until the page can be opened without a network.
pub(crate) async fn is_kept(tab: &Tab, page: &str) {
    let page = serde_json::to_string(page).unwrap();
    tab.until(&format!("caches.match({page}).then(Boolean)"))
        .await;
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
    let dev = Tiny::todo_app("page").unlimited().dev().await;
    let browser = Browser::open().await;
    the_first_page_has_the_todos_and_asks_nobody_else(&dev, &browser).await;
    two_browsers_see_each_others_edits(&dev, &browser).await;
    forms_are_enough(&dev, &browser).await;
    browser.close().await;
}

#[tokio::test]
async fn the_page_is_for_hands_on_the_keyboard_and_on_the_mouse() {
    let dev = Tiny::todo_app("hands").unlimited().dev().await;
    let (browser, other) = (Browser::open().await, Browser::open().await);
    everything_is_done_by_keys(&dev, &browser, &other).await;
    keys_may_be_quicker_than_frames(&dev, &browser).await;
    own_edits_are_undone_and_no_others(&dev, &browser, &other).await;
    todos_are_dragged_to_their_place(&dev, &browser, &other).await;
    what_is_refused_is_told_and_can_be_discarded(&dev, &browser).await;
    a_shared_list_shows_who_is_here(&dev, &browser, &other).await;
    a_long_list_scrolls_with_few_rows(&dev, &browser).await;
    a_device_whose_clock_is_late_shows_the_page_and_says_so(&dev, &browser).await;
    order_keys_are_those_of_the_server(&dev, &browser).await;
    other.close().await;
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
    // Becoming live moves nothing but what says so.
    let moved = tab
        .eval(
            "new Promise((done) => { const moved = []; new PerformanceObserver((list) => { \
             for (const { startTime, sources } of list.getEntries()) for (const { node, previousRect, currentRect } of sources) \
             if (node?.closest?.('main')) moved.push([startTime, node.cloneNode().outerHTML, previousRect, currentRect]) \
             }).observe({ type: 'layout-shift', buffered: true }); \
             setTimeout(() => done(JSON.stringify(moved)), 500); })",
        )
        .await;
    assert_eq!(moved, "[]");
    assert_eq!(
        tab.eval("document.querySelector('#user').title").await,
        "first"
    );
    add(&tab, "bread").await;
    tab.until(&texts_are(&["tea & <b>cake</b>", "bread"])).await;
    tab.click("#raw summary").await;
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
        // The browser's own pictures are data.
        .filter(|url| !url.starts_with(&home) && !url.starts_with("data:"))
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
    tab.type_into("li.todo .edit textarea", "salted").await;
    tab.click("li.todo .editor button").await;
    tab.until("document.querySelector('#list .text').textContent.includes(' and butter')")
        .await;
    tab.until("document.querySelector('#list .notes').textContent === 'salted'")
        .await;
    tab.type_into("#new", "tea").await;
    tab.click("#add button").await;
    tab.until("document.querySelectorAll('#list .todo').length === 2")
        .await;
    tab.click("li.todo:last-child .edit summary").await;
    tab.click("li.todo:last-child .move button[value='-1']")
        .await;
    tab.until("document.querySelector('#list .text').textContent === 'tea'")
        .await;
    tab.click("li.todo .delete").await;
    tab.until("document.querySelectorAll('#list .todo').length === 1")
        .await;
    tab.click("li.todo .delete").await;
    tab.until(&texts_are(&[])).await;
}

async fn everything_is_done_by_keys(dev: &Dev, browser: &Browser, other: &Browser) {
    let url = dev.url("/?userId=keys");
    let (tab, two) = (browser.page(&url).await, other.page(&url).await);
    connected(&tab).await;
    connected(&two).await;
    tab.until("document.querySelector('#here .dot')?.title === 'keys'")
        .await;

    tab.key("n", Held::Nothing).await;
    tab.until("document.activeElement.id === 'new'").await;
    for text in ["tea", "bread", "milk"] {
        tab.page
            .find_element("#new")
            .await
            .unwrap()
            .type_str(text)
            .await
            .unwrap();
        tab.key("Enter", Held::Nothing).await;
    }
    tab.until(&texts_are(&["tea", "bread", "milk"])).await;
    tab.eval("document.activeElement.blur()").await;

    tab.key("j", Held::Nothing).await;
    tab.key("j", Held::Nothing).await;
    tab.key("x", Held::Nothing).await;
    is_completed(&two, "bread").await;
    tab.key("ArrowUp", Held::Alt).await;
    two.until(&texts_are(&["bread", "tea", "milk"])).await;
    tab.key("ArrowDown", Held::Alt).await;
    tab.key("ArrowDown", Held::Alt).await;
    two.until(&texts_are(&["tea", "milk", "bread"])).await;

    // What is typed is typed, even where it would be a shortcut elsewhere.
    tab.key("k", Held::Nothing).await;
    tab.key("e", Held::Nothing).await;
    tab.until("document.activeElement.name === 'text' && document.activeElement.value === 'milk'")
        .await;
    tab.key("x", Held::Nothing).await;
    tab.key("Escape", Held::Nothing).await;
    tab.until("document.querySelector('.edit[open]') === null")
        .await;
    tab.key("Enter", Held::Nothing).await;
    tab.until("document.activeElement.value === 'milk'").await;
    fill_editor(
        &tab,
        "text.value = 'oat milk'; due.value = '2020-02-29'; notes.value = 'two\\nbottles'",
    )
    .await;
    row_says(&two, "oat milk", "Overdue since 29 Feb 2020").await;
    row_says(&two, "oat milk", "two\nbottles").await;

    tab.key("2", Held::Nothing).await;
    tab.until(&texts_are(&["tea", "oat milk"])).await;
    assert_eq!(
        tab.eval("location.search").await,
        "?userId=keys&filter=active"
    );
    tab.key("3", Held::Nothing).await;
    tab.until(&texts_are(&["bread"])).await;
    tab.page.evaluate("history.back()").await.unwrap();
    tab.until(&texts_are(&["tea", "oat milk"])).await;
    tab.key("1", Held::Nothing).await;
    tab.until(&texts_are(&["tea", "oat milk", "bread"])).await;
    focus(&tab, "bread").await;
    tab.key("Delete", Held::Nothing).await;
    two.until(&texts_are(&["tea", "oat milk"])).await;
    // The focus is on the row that has taken its place, not lost.
    tab.until("document.activeElement.matches('.todo')").await;

    tab.key("?", Held::Nothing).await;
    tab.until("document.querySelector('#keys').matches(':popover-open')")
        .await;
    tab.key("x", Held::Nothing).await;
    tab.key("Escape", Held::Nothing).await;
    tab.until("!document.querySelector('#keys').matches(':popover-open')")
        .await;
    assert_eq!(
        two.eval("document.querySelectorAll('[data-completed]').length")
            .await,
        0
    );

    two.go(&url).await;
    two.until(&texts_are(&["tea", "oat milk"])).await;
    assert_eq!(tab.errors(), Vec::<String>::new());
}

/// Each key does what it does to what the one before it left.
async fn keys_may_be_quicker_than_frames(dev: &Dev, browser: &Browser) {
    const SLOW: &str = "requestAnimationFrame = (act) => setTimeout(act, 1_000, performance.now()); \
                        cancelAnimationFrame = clearTimeout;";
    let url = dev.url("/?userId=quick");
    let tab = browser.page_with(SLOW, &url).await;
    connected(&tab).await;
    for text in ["tea", "bread", "milk", "eggs"] {
        add(&tab, text).await;
    }
    tab.until(&texts_are(&["tea", "bread", "milk", "eggs"]))
        .await;
    focus(&tab, "tea").await;
    for _ in 0..2 {
        tab.key("ArrowDown", Held::Alt).await;
    }
    tab.until(&texts_are(&["bread", "milk", "tea", "eggs"]))
        .await;
    for _ in 0..2 {
        tab.key("Delete", Held::Nothing).await;
    }
    tab.until(&texts_are(&["bread", "milk"])).await;
    assert_eq!(tab.errors(), Vec::<String>::new());
}

async fn own_edits_are_undone_and_no_others(dev: &Dev, browser: &Browser, other: &Browser) {
    let url = dev.url("/?userId=undo");
    let (tab, two) = (browser.page(&url).await, other.page(&url).await);
    connected(&tab).await;
    connected(&two).await;
    add(&tab, "tea").await;
    add(&tab, "bread").await;
    two.until(&texts_are(&["tea", "bread"])).await;
    tab.click("li.todo:first-child .check").await;
    is_completed(&two, "tea").await;
    add(&two, "milk").await;
    tab.until(&texts_are(&["tea", "bread", "milk"])).await;
    tab.click("#clear button").await;
    two.until(&texts_are(&["bread", "milk"])).await;

    tab.eval("document.activeElement.blur()").await;
    tab.key("z", Held::Control).await;
    two.until(&texts_are(&["tea", "bread", "milk"])).await;
    is_completed(&two, "tea").await;
    tab.key("z", Held::Control).await;
    two.until("document.querySelector('[data-completed]') === null")
        .await;
    // Adding the bread is not undone any more once somebody else has done something to it.
    two.click("li.todo:nth-child(2) .check").await;
    is_completed(&tab, "bread").await;
    tab.click("#undo").await;
    tab.click("#undo").await;
    two.until(&texts_are(&["bread", "milk"])).await;
    tab.until("document.querySelector('#undo').disabled").await;
    tab.key("z", Held::ControlShift).await;
    two.until(&texts_are(&["tea", "bread", "milk"])).await;
    assert_eq!(tab.errors(), Vec::<String>::new());
}

async fn todos_are_dragged_to_their_place(dev: &Dev, browser: &Browser, other: &Browser) {
    let url = dev.url("/?userId=drag");
    let (tab, two) = (browser.page(&url).await, other.page(&url).await);
    connected(&tab).await;
    connected(&two).await;
    for text in ["tea", "bread", "milk"] {
        add(&tab, text).await;
    }
    for tab in [&tab, &two] {
        tab.until(&texts_are(&["tea", "bread", "milk"])).await;
    }
    // At the edge of the window it would scroll.
    tab.resize(1_200, 1_200).await;
    tab.drag("li.todo:first-child .grip", "li.todo:nth-child(2)")
        .await;
    tab.until(&texts_are(&["bread", "tea", "milk"])).await;
    two.until(&texts_are(&["bread", "tea", "milk"])).await;
    tab.drag("li.todo:first-child .grip", "li.todo:last-child")
        .await;
    two.until(&texts_are(&["tea", "milk", "bread"])).await;
    tab.go(&url).await;
    tab.until(&texts_are(&["tea", "milk", "bread"])).await;
    assert_eq!(tab.errors(), Vec::<String>::new());
}

async fn what_is_refused_is_told_and_can_be_discarded(dev: &Dev, browser: &Browser) {
    let tab = browser.page(&dev.url("/?userId=refused")).await;
    connected(&tab).await;
    add(&tab, "tea").await;
    saved(&tab).await;
    let store = dev.text("/todos?userId=refused").await;
    assert!(store.contains("tea"), "{store}");
    // Which the page itself keeps people from.
    tab.eval(
        "const field = document.querySelector('#new'); field.removeAttribute('maxlength'); \
         field.value = 'x'.repeat(2001); field.form.requestSubmit()",
    )
    .await;
    tab.until("document.querySelector('#problem').innerText.includes('2000 characters')")
        .await;
    tab.until("document.querySelector('#connection').textContent === 'Disconnected, 1 unsent'")
        .await;
    tab.click("#discard").await;
    tab.until("document.querySelector('#problem').hidden").await;
    tab.until(&texts_are(&["tea"])).await;
    connected(&tab).await;
    add(&tab, "bread").await;
    dev.json_until("/todos?userId=refused", |store| {
        store.to_string().contains("bread")
    })
    .await;
}

/// The link that the open share dialog makes.
async fn link(tab: &Tab, right: &str) -> String {
    tab.eval(&format!(
        "(() => {{ const form = document.querySelector('#share-form'); \
         form.elements.right.value = '{right}'; form.elements.label.value = '{right}'; \
         document.querySelector('#share-url').value = ''; form.requestSubmit(); }})()"
    ))
    .await;
    tab.until("document.querySelector('#share-url').value !== ''")
        .await;
    tab.until(&format!(
        "document.querySelector('#share-list').innerText.includes('{right}')"
    ))
    .await;
    let url = tab.eval("document.querySelector('#share-url').value").await;
    url.as_str().unwrap().to_owned()
}

async fn a_shared_list_shows_who_is_here(dev: &Dev, browser: &Browser, other: &Browser) {
    let here = |names: &str| {
        format!(
            "[...document.querySelectorAll('#here .dot')].map((dot) => dot.title).join() === '{names}'"
        )
    };
    let tab = browser.page(&dev.url("/?userId=owner")).await;
    connected(&tab).await;
    add(&tab, "tea").await;
    tab.click("#share-open").await;
    let (write, read) = (link(&tab, "write").await, link(&tab, "read").await);

    let two = other.page(&format!("{write}&userId=guest")).await;
    two.until(&texts_are(&["tea"])).await;
    for tab in [&tab, &two] {
        tab.until(&here("guest,owner")).await;
    }
    assert_eq!(
        two.eval("document.querySelector('#share')").await,
        serde_json::Value::Null
    );
    add(&two, "bread").await;
    tab.until(&texts_are(&["tea", "bread"])).await;
    tab.until_text("bread").await;

    two.go(&format!("{read}&userId=guest")).await;
    two.until(&texts_are(&["tea", "bread"])).await;
    connected(&two).await;
    assert_eq!(two.eval("document.forms.length").await, 0);
    two.key("j", Held::Nothing).await;
    two.key("x", Held::Nothing).await;
    two.key("Delete", Held::Nothing).await;
    two.until(&texts_are(&["tea", "bread"])).await;

    tab.click("#share-list li:last-child button").await;
    tab.until("document.querySelectorAll('#share-list li').length === 1")
        .await;
    two.until("document.querySelector('#problem').innerText.includes('ended the connection')")
        .await;
    tab.until(&here("owner")).await;
    assert_eq!(tab.errors(), Vec::<String>::new());
}

async fn a_long_list_scrolls_with_few_rows(dev: &Dev, browser: &Browser) {
    let todos: serde_json::Map<_, _> = (0..5_000)
        .map(|n| {
            let todo = serde_json::json!({"text": format!("todo {n}"), "completed": false});
            (format!("{n:05}"), todo)
        })
        .collect();
    let store = serde_json::json!({"tables": {"todos": todos}, "values": {}});
    let mut socket = dev.socket("/todos?userId=long").await;
    socket.json().await;
    socket.send(&store.to_string()).await;
    dev.json_until("/usage?userId=long", |usage| usage["todos"] == 5_000)
        .await;

    let plain = browser
        .page_without_javascript(&dev.url("/?userId=long"))
        .await;
    let next = plain
        .eval("document.querySelector('#pages [rel=next]').href")
        .await;
    plain.go(next.as_str().unwrap()).await;
    plain
        .until("document.querySelector('.text').textContent === 'todo 200'")
        .await;

    let tab = browser.page(&dev.url("/?userId=long")).await;
    tab.until("document.querySelectorAll('.todo').length < 100")
        .await;
    connected(&tab).await;
    for (y, at_least) in [(20_000, 100), (200_000, 1_000)] {
        tab.eval(&format!("scrollTo(0, {y})")).await;
        tab.until(&format!(
            "(() => {{ const row = document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest('.todo'); \
             return Number(row?.dataset.id) > {at_least}; }})()"
        ))
        .await;
        let rows = tab.eval("document.querySelectorAll('.todo').length").await;
        assert!(rows.as_u64().unwrap() < 100, "{rows}");
    }
    tab.eval("document.activeElement.blur()").await;
    tab.key("k", Held::Nothing).await;
    tab.until("document.activeElement.dataset.id === '04999'")
        .await;
    tab.key("Delete", Held::Nothing).await;
    tab.until("document.activeElement.dataset.id === '04998'")
        .await;
    dev.json_until("/usage?userId=long", |usage| usage["todos"] == 4_999)
        .await;
    assert_eq!(tab.errors(), Vec::<String>::new());
}

async fn a_device_whose_clock_is_late_shows_the_page_and_says_so(dev: &Dev, browser: &Browser) {
    post(dev, "late", "action=add&text=tea").await;
    let tab = browser
        .page_with(
            "{ const now = Date.now; Date.now = () => now() - 600_000; }",
            &dev.url("/?userId=late"),
        )
        .await;
    tab.until("document.querySelector('#problem').innerText.includes('clock')")
        .await;
    tab.until(&texts_are(&["tea"])).await;
    // The forms go on.
    add(&tab, "bread").await;
    tab.until(&texts_are(&["tea", "bread"])).await;
}

async fn order_keys_are_those_of_the_server(dev: &Dev, browser: &Browser) {
    // As `app/src/order.rs` has them in its tests.
    let keys = [
        ("undefined, undefined, 7", "V0004Omd"),
        ("'V0004Oml', undefined, 12345", "V0008qmO"),
        ("undefined, 'V0004Oml', 1", "V000000E"),
        ("'V0004Oml', 'V0008sa2', 99", "V0005WGA"),
        ("'a', 'a1', 99", "a0FV1b"),
        ("'zzzzzzzz', undefined, 5", "zzzzzzzz00004Omb"),
        ("'!', '€', 5", "FV05"),
        ("'€', undefined, 5", "€V0004Omb"),
        ("undefined, '0', 5", "V0004Omb"),
    ];
    let tab = browser.page(&dev.url("/?userId=order")).await;
    for (arguments, key) in keys {
        let made = tab
            .eval(&format!(
                "import('/order.js').then(({{ between }}) => between({arguments}))"
            ))
            .await;
        assert_eq!(made, key, "between({arguments})");
    }
}

#[tokio::test]
async fn nothing_stands_in_anybodys_way() {
    let dev = Tiny::todo_app("axe").unlimited().dev().await;
    let browser = Browser::open().await;
    let tab = browser.page(&dev.url("/?userId=axe")).await;
    connected(&tab).await;
    for text in ["tea", "bread", "milk"] {
        add(&tab, text).await;
    }
    tab.click("li.todo:first-child .check").await;
    tab.click("li.todo:nth-child(2) summary").await;
    fill_editor(&tab, "due.value = '2020-02-29'; notes.value = 'salted'").await;
    row_says(&tab, "bread", "Overdue").await;
    tab.click("li.todo:last-child summary").await;
    tab.click("#raw summary").await;
    for dark in [false, true] {
        tab.prefers_dark(dark).await;
        for (width, height) in [(1_200, 900), (390, 844)] {
            tab.resize(width, height).await;
            tab.comes_to_rest().await;
            assert_eq!(
                tab.violations().await,
                Vec::<String>::new(),
                "{dark} {width}"
            );
            for dialog in ["keys", "share", "import", "backups"] {
                tab.eval(&format!(
                    "document.getElementById('{dialog}').showPopover()"
                ))
                .await;
                tab.comes_to_rest().await;
                let found = tab.violations().await;
                assert_eq!(found, Vec::<String>::new(), "{dialog} {dark} {width}");
                tab.eval(&format!(
                    "document.getElementById('{dialog}').hidePopover()"
                ))
                .await;
            }
        }
    }
    browser.close().await;
}

#[tokio::test]
async fn open_pages_follow_what_is_edited() {
    let mut dev = Tiny::todo_app_to_edit("live").unlimited().dev().await;
    post(&dev, "alice", "action=add&text=tea").await;
    let browser = Browser::open().await;
    let tab = browser.page(&dev.url("/?userId=alice")).await;
    connected(&tab).await;

    // Whoever is not listening yet loads the page again instead.
    let listens = |url: &String| url.ends_with("/cdn-cgi/tiny/live");
    eventually("the page listens", || tab.answered().iter().any(listens)).await;

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
    let project = Tiny::todo_app("away").unlimited().arg("--no-live-reload");
    let dev = project.dev_on(port).await;
    let (browser, other) = (Browser::open().await, Browser::open().await);
    let url = dev.url("/?userId=alice");
    let (tab, two) = (browser.page(&url).await, other.page(&url).await);
    connected(&tab).await;
    connected(&two).await;
    add(&tab, "before").await;
    two.until(&texts_are(&["before"])).await;
    saved(&tab).await;
    is_kept(&tab, "/?userId=alice").await;

    let project = dev.kill().await;
    for tab in [&tab, &two] {
        tab.until("document.querySelector('#connection').textContent === 'Disconnected'")
            .await;
    }
    add(&tab, "meanwhile").await;
    tab.until("document.querySelector('#connection').textContent === 'Disconnected, 1 unsent'")
        .await;
    // Different cells of one todo, in two places that know nothing of each other.
    tab.click("li.todo:first-child .check").await;
    two.click("li.todo:first-child summary").await;
    fill_editor(&two, "text.value = 'changed'; notes.value = 'noted'").await;
    row_says(&two, "changed", "noted").await;

    // The page opens without a network, as it was left just now.
    tab.go(&url).await;
    tab.until(&texts_are(&["before", "meanwhile"])).await;
    is_completed(&tab, "before").await;
    tab.until("document.querySelector('#connection').textContent === 'Disconnected, 2 unsent'")
        .await;
    tab.key("2", Held::Nothing).await;
    tab.until(&texts_are(&["meanwhile"])).await;
    tab.key("1", Held::Nothing).await;

    let dev = project.dev_on(port).await;
    for tab in [&tab, &two] {
        reconnected(tab).await;
        saved(tab).await;
        tab.until(&texts_are(&["changed", "meanwhile"])).await;
        is_completed(tab, "changed").await;
        row_says(tab, "changed", "noted").await;
    }
    let store = dev
        .json_until("/todos?userId=alice", |store| {
            store.to_string().contains("meanwhile")
        })
        .await;
    assert!(store.to_string().contains("\"changed\""), "{store}");
    browser.close().await;
    other.close().await;
}
