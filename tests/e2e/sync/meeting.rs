//! Stock clients, other kinds of clients, and what the object makes of those who go too far.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::{Stock, add, set, sync};
use crate::support::{Client, Dev, Socket, Tiny, agree};

#[tokio::test]
async fn all_kinds_of_clients_share_a_list_and_nobody_spoils_it() {
    let mut dev = Tiny::todo_app("sync-meeting")
        .unlimited()
        .with("tiny.toml", |text| {
            let vars = format!("LIMIT_TODOS = {MOST}, LIMIT_STORAGE = {STORAGE}");
            text.replace(
                "SHARDING = \"user\"",
                &format!("SHARDING = \"user\", {vars}"),
            )
        })
        .dev()
        .await;
    let stock = Stock::start().await;
    the_plain_protocol_and_stock_clients_see_each_other(&dev, &stock).await;
    a_clock_that_goes_ahead_spoils_nothing(&dev, &stock).await;
    a_message_may_take_its_time(&dev, &stock).await;
    who_is_here_is_what_the_object_says(&mut dev, &stock).await;
    whoever_breaks_a_limit_goes_and_the_others_stay(&dev, &stock).await;
    a_long_list_comes_and_goes_whole(&mut dev, &stock).await;
}

async fn the_plain_protocol_and_stock_clients_see_each_other(dev: &Dev, stock: &Stock) {
    let ann = stock.client("ann-plain", &sync(dev.port(), "plain")).await;
    ann.online().await;
    let mut plain = dev.socket("/todos?userId=plain").await;
    assert_eq!(plain.json().await["tables"]["todos"], json!({}));

    ann.edit(add("1", "tea")).await;
    let todos = told(&mut plain, |todos| !todos["1"]["completed"].is_null()).await;
    assert_eq!(todos, json!({"1": {"text": "tea", "completed": false}}));
    say(
        &mut plain,
        json!({"1": {"text": "tea", "completed": true}, "2": {"text": "bread", "completed": false}}),
    )
    .await;
    ann.sees("1", "completed", true).await;
    ann.sees("2", "text", "bread").await;

    // What the plain protocol has no word for stays.
    ann.edit(set("2", "notes", "from the baker")).await;
    ann.is_answered().await;
    say(
        &mut plain,
        json!({"1": {"text": "tea", "completed": true}, "2": {"text": "bread", "completed": true}}),
    )
    .await;
    ann.sees("2", "completed", true).await;
    ann.sees("2", "notes", "from the baker").await;

    // At once: neither knows of the other's todo, and neither is lost.
    say(
        &mut plain,
        json!({
            "1": {"text": "tea", "completed": true},
            "2": {"text": "bread", "completed": true},
            "3": {"text": "milk", "completed": false},
        }),
    )
    .await;
    ann.edit(add("4", "eggs")).await;
    ann.sees("3", "text", "milk").await;
    let todos = told(&mut plain, |todos| !todos["4"].is_null()).await;
    assert_eq!(todos.as_object().unwrap().len(), 4, "{todos}");

    ann.edit(json!(["delRow", "todos", "1"])).await;
    let mut todos = told(&mut plain, |todos| todos["1"].is_null()).await;
    todos.as_object_mut().unwrap().remove("2").unwrap();
    say(&mut plain, todos).await;
    ann.sees("2", "text", Value::Null).await;
    let fresh = stock
        .client("fresh-plain", &sync(dev.port(), "plain"))
        .await;
    fresh.online().await;
    agree(&[&ann, &fresh]).await;
    let todos = fresh.todos().await;
    assert_eq!(todos.as_object().unwrap().len(), 2, "{todos}");
}

/// Waits until the plain protocol tells of todos that fit.
async fn told(plain: &mut Socket, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let todos = plain.json().await["tables"]["todos"].take();
        if fits(&todos) {
            return todos;
        }
    }
}

async fn say(plain: &mut Socket, todos: Value) {
    let store = json!({"tables": {"todos": todos}, "values": {}});
    plain.send(&store.to_string()).await;
}

const MINUTE: u64 = 60_000;

async fn a_clock_that_goes_ahead_spoils_nothing(dev: &Dev, stock: &Stock) {
    // Stock clients take clocks that are up to 5 minutes ahead, so there are two ways to be wrong.
    for (name, ahead) in [("hour", 60 * MINUTE), ("minutes", 3 * MINUTE)] {
        let url = sync(dev.port(), &format!("ahead-{name}"));
        let client = async |who: &str| stock.client(&format!("{who}-{name}"), &url).await;
        let (ann, bob) = (client("ann").await, client("bob").await);
        let ahead = json!({ "ahead": ahead });
        let eve = stock.client_with(&format!("eve-{name}"), &url, ahead).await;
        for client in [&ann, &bob, &eve] {
            client.online().await;
        }
        ann.edit(add("1", "tea")).await;
        bob.sees("1", "text", "tea").await;
        eve.sees("1", "text", "tea").await;

        eve.edit(set("1", "text", "of the future")).await;
        eve.edit(add("2", "of the future")).await;
        assert!(eve.is_answered().await);
        ann.edit(set("1", "text", "of now")).await;
        bob.sees("1", "text", "of now").await;
        eve.offline().await;
        eve.online().await;
        assert!(eve.is_answered().await);
        bob.edit(set("1", "text", "of later")).await;
        ann.sees("1", "text", "of later").await;

        let fresh = client("fresh").await;
        fresh.online().await;
        agree(&[&ann, &bob, &fresh]).await;
        let todos = fresh.todos().await;
        assert_eq!(
            todos,
            json!({"1": {"text": "of later", "completed": false}})
        );
        assert_eq!(
            newest(&fresh.places().await).saturating_sub(now()) / MINUTE,
            0
        );
        assert!(eve.closes().await.is_empty());
    }
    what_is_only_a_little_ahead_is_late(dev, stock).await;
}

/// It is asked for again when its time has come.
async fn what_is_only_a_little_ahead_is_late(dev: &Dev, stock: &Stock) {
    let url = sync(dev.port(), "ahead-seconds");
    let late = Duration::from_secs(4);
    let ahead = json!({"ahead": MINUTE + 4_000});
    let eve = stock.client_with("eve-seconds", &url, ahead).await;
    let bob = stock.client("bob-seconds", &url).await;
    eve.online().await;
    bob.online().await;
    let edited = Instant::now();
    eve.edit(add("1", "early")).await;
    assert!(eve.is_answered().await && bob.is_answered().await);
    let early = bob.todos().await;
    // A slow machine may look only when its time has come.
    assert!(edited.elapsed() >= late || early.is_null(), "{early}");
    bob.sees("1", "text", "early").await;
    agree(&[&eve, &bob]).await;
}

fn now() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// The time of the newest of all clocks, in milliseconds since 1970.
fn newest(places: &Value) -> u64 {
    const DIGITS: &str = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    let stamps = places.as_object().unwrap().values();
    let clocks = stamps.filter_map(|stamp| stamp[1].as_str());
    let newest = clocks.max().unwrap();
    let digits = newest[..7].chars();
    digits.fold(0, |time, digit| {
        time << 6 | u64::try_from(DIGITS.find(digit).unwrap()).unwrap()
    })
}

/// Parts that arrive one by one, over a slow network, are as good as others.
async fn a_message_may_take_its_time(dev: &Dev, stock: &Stock) {
    let url = sync(dev.port(), "slow");
    let slow = json!({"slow": 300, "fragment": 100, "patience": 15});
    let ann = stock.client_with("ann-slow", &url, slow).await;
    let bob = stock.client("bob-slow", &url).await;
    ann.online().await;
    bob.online().await;
    let text = "long ".repeat(100);
    ann.edit(set("1", "text", text.as_str())).await;
    bob.sees("1", "text", text).await;
}

async fn who_is_here_is_what_the_object_says(dev: &mut Dev, stock: &Stock) {
    let ann = stock.client("ann", &sync(dev.port(), "ann")).await;
    let share = dev
        .client
        .post(dev.url("/shares?userId=ann"))
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("action=create&right=write")
        .send()
        .await
        .unwrap();
    let share: Value = share.json().await.unwrap();
    let (_, link) = share["url"].as_str().unwrap().split_once("share=").unwrap();
    let by_link = format!("{}&share={link}", sync(dev.port(), "eve"));
    let eve = stock.client("eve", &by_link).await;
    ann.online().await;
    ann.sees_here(&["ann"]).await;
    eve.online().await;
    for client in [&ann, &eve] {
        client.sees_here(&["ann", "eve"]).await;
    }

    let id = ann.here_id("ann").await;
    for (n, lie) in [
        json!(["setValue", "here/nobody", {"name": "nobody"}]),
        json!(["setValue", id, {"name": "somebody else"}]),
        json!(["delValue", id]),
    ]
    .iter()
    .enumerate()
    {
        // What comes after the lie shows when the lie has come.
        let text = format!("after lie {n}");
        eve.edit(lie.clone()).await;
        eve.edit(set("1", "text", text.as_str())).await;
        ann.sees("1", "text", text).await;
        for client in [&ann, &eve] {
            client.sees_here(&["ann", "eve"]).await;
        }
    }

    eve.offline().await;
    ann.sees_here(&["ann"]).await;
    eve.online().await;
    super::killed::kill_runtime(dev).await;
    let fresh = stock.client("ann's other", &sync(dev.port(), "ann")).await;
    fresh.online().await;
    for client in [&ann, &eve, &fresh] {
        client.sees_here(&["ann", "eve"]).await;
    }
    ann.offline().await;
    fresh.offline().await;
    eve.sees_here(&["eve"]).await;
}

/// Todos of one list, as this worker has it.
const MOST: usize = 20_020;
/// Bytes of one object.
const STORAGE: usize = 12 << 20;

async fn whoever_breaks_a_limit_goes_and_the_others_stay(dev: &Dev, stock: &Stock) {
    let url = sync(dev.port(), "limits");
    let bystander = stock.client("bystander", &url).await;
    bystander.online().await;
    let mut plain = dev.socket("/todos?userId=limits").await;
    bystander.edit(add("1", "tea")).await;
    told(&mut plain, |todos| !todos["1"]["completed"].is_null()).await;

    let tables: Vec<_> = (0..32)
        .map(|n| json!(["setCell", format!("table {n}"), "1", "text", "x"]))
        .collect();
    let values: Vec<_> = (0..1001)
        .map(|n| json!(["setValue", format!("value {n}"), n]))
        .collect();
    let long = "x".repeat(20_000);
    let edits = [
        ("2000 characters", vec![set("1", "text", "é".repeat(2001))]),
        (
            "20000 characters",
            vec![set("1", "notes", "é".repeat(20_001))],
        ),
        ("1 to 64 characters", vec![add(&"x".repeat(65), "tea")]),
        ("1 to 64 characters", vec![set("1", &"x".repeat(65), "tea")]),
        (
            "64 cells",
            vec![json!(["setRow", "todos", "2", cells(65, "x")])],
        ),
        (
            "256 KiB",
            vec![json!(["setRow", "todos", "2", cells(14, &long)])],
        ),
        ("32 tables", tables),
        ("1000 values", values),
    ];
    for (n, (reason, mut ops)) in edits.into_iter().enumerate() {
        // What else is in the message is refused with it.
        ops.push(add("3", "more"));
        let one = stock.client(&format!("limit-{n}"), &url).await;
        one.online().await;
        one.sees("1", "text", "tea").await;
        one.edits(&ops).await;
        let (code, why) = one.closed().await;
        assert!(
            code == 1008 && why.contains(reason),
            "{code} {why}, not {reason}"
        );
    }

    let frames = [
        (1003, json!({"bytes": [1, 2, 3]})),
        (1007, json!({"payload": "no frame"})),
        (1007, json!({"payload": "S\nno JSON"})),
        (
            1007,
            json!({"payload": "S\n[null,3,[[{\"todos\":7}],[{}],1]]"}),
        ),
        (1007, json!({"payload": "S\n[null,99,\"\"]"})),
        (1007, json!({"payload": "S\n0123456789abcdef\n5\n2\npart"})),
        (1013, json!({"payload": "S\n", "padding": (16 << 20) + 1})),
    ];
    for (n, (code, frame)) in frames.into_iter().enumerate() {
        let one = stock.client(&format!("frame-{n}"), &url).await;
        one.online().await;
        one.sends(frame.clone()).await;
        let (closed, why) = one.closed().await;
        assert_eq!(closed, code, "{frame}: {why}");
    }
    for (code, text) in [
        (1007, "no JSON".to_owned()),
        (1009, format!("{{\"padding\":\"{}\"}}", "x".repeat(1 << 20))),
    ] {
        let mut other = dev.socket("/todos?userId=limits").await;
        other.json().await;
        other.send(&text).await;
        assert_eq!(other.closed().await, code);
    }

    assert!(bystander.closes().await.is_empty());
    bystander.edit(set("1", "completed", true)).await;
    told(&mut plain, |todos| todos["1"]["completed"] == true).await;
    let fresh = stock.client("fresh-limits", &url).await;
    fresh.online().await;
    agree(&[&bystander, &fresh]).await;
    let content = fresh.content().await;
    let todos = json!({"1": {"text": "tea", "completed": true}});
    assert_eq!(content, json!({"tables": {"todos": todos}, "values": {}}));
    a_full_storage_takes_no_more(dev, stock).await;
}

/// A row of this many cells.
fn cells(count: usize, text: &str) -> Value {
    let cells = (0..count).map(|n| (format!("cell {n}"), text.into()));
    Value::Object(cells.collect())
}

async fn a_full_storage_takes_no_more(dev: &Dev, stock: &Stock) {
    let url = sync(dev.port(), "full");
    let glutton = stock.client("glutton", &url).await;
    glutton.online().await;
    let notes = cells(12, &"x".repeat(20_000));
    let mut taken = 0;
    loop {
        glutton
            .edit(json!(["setRow", "todos", taken.to_string(), notes]))
            .await;
        if !glutton.is_answered().await {
            break;
        }
        taken += 1;
        assert!(
            taken * 240_000 < STORAGE,
            "more than what there is room for"
        );
    }
    let (code, reason) = glutton.closed().await;
    assert_eq!(
        (code, &*reason),
        (4507, "the storage is full: delete some todos")
    );
    assert!(taken * 240_000 > STORAGE / 2, "only {taken} rows");
    let fresh = stock.client("fresh-full", &url).await;
    fresh.online().await;
    fresh.has_todos(taken).await;
    // There is always room to make some.
    fresh.edit(json!(["delRow", "todos", "0"])).await;
    assert!(fresh.is_answered().await);
}

const LONG: usize = 20_000;
/// What a client that misses a few todos of a long list may cost, both ways.
const CATCHING_UP: u64 = 64_000;

async fn a_long_list_comes_and_goes_whole(dev: &mut Dev, stock: &Stock) {
    for (name, options) in [
        ("whole", json!({"patience": 15})),
        ("parts", json!({"patience": 15, "fragment": 65_536})),
    ] {
        let url = sync(dev.port(), &format!("long-{name}"));
        let client = async |who: &str| {
            let id = format!("{who}-{name}");
            stock.client_with(&id, &url, options.clone()).await
        };
        let (ann, bob, cat) = (
            client("ann").await,
            client("bob").await,
            client("cat").await,
        );
        ann.online().await;
        bob.online().await;
        let todos: Vec<Value> = (0..LONG)
            .map(|n| {
                let text = format!("todo {n} of a list that is long");
                let cells =
                    json!({"text": text, "completed": n % 3 == 0, "order": format!("a{n:05}")});
                json!(["setRow", "todos", n.to_string(), cells])
            })
            .collect();
        ann.edits(&todos).await;
        cat.online().await;
        agree(&[&ann, &bob, &cat]).await;
        assert_eq!(cat.todos().await.as_object().unwrap().len(), LONG);

        bob.offline().await;
        let mut few: Vec<Value> = (0..6)
            .map(|n| set(&(n * 3000).to_string(), "text", "changed"))
            .collect();
        few.extend((0..2).map(|n| add(&format!("new {n}"), "new")));
        few.extend((1..3).map(|n| json!(["delRow", "todos", n.to_string()])));
        for edit in &few {
            ann.edit(edit.clone()).await;
        }
        cat.sees("2", "text", Value::Null).await;
        catches_up(&bob, &[&ann, &cat]).await;

        // What that takes is remembered by the object when it starts anew.
        bob.offline().await;
        for n in 0..10 {
            ann.edit(set(&(n * 2000).to_string(), "completed", n % 2 == 0))
                .await;
        }
        assert!(ann.is_answered().await);
        super::killed::kill_runtime(dev).await;
        catches_up(&bob, &[&ann, &cat]).await;
    }
    too_many_todos(dev, stock).await;
}

async fn catches_up(late: &Client, others: &[&Client]) {
    late.forgets_traffic().await;
    late.online().await;
    let all: Vec<&Client> = others.iter().copied().chain([late]).collect();
    agree(&all).await;
    let [sent, received] = late.traffic().await;
    assert!(
        sent.bytes + received.bytes < CATCHING_UP,
        "sent {sent:?}, received {received:?}"
    );
}

async fn too_many_todos(dev: &Dev, stock: &Stock) {
    let url = sync(dev.port(), "long-whole");
    let one = stock
        .client_with("one too many", &url, json!({"patience": 15}))
        .await;
    one.online().await;
    let held = one.todos().await.as_object().unwrap().len();
    let more: Vec<_> = (held..=MOST)
        .map(|n| add(&format!("more {n}"), "more"))
        .collect();
    one.edits(&more).await;
    let (code, reason) = one.closed().await;
    assert_eq!((code, reason), (1008, format!("more than {MOST} todos")));
}
