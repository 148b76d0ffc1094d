//! What npm tinybase's clients and its server said on sockets with channels, recorded in
//! `channels.json` by `channels.mjs` beside this file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the functions shared by the tests are test code too"
)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value as Json;
use tinybase::channel::{self, ChannelFrame, Channels, Multiplexed, Step};
use tinybase::frame::{self, Assembler, Payload};
use tinybase::{Kind, MessageKind, Store, Value};

const NOW: u64 = 1_796_000_000_000;

static RECORDED: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(include_str!("channels.json")).expect("it is JSON"));

fn text(json: &Json) -> &str {
    json.as_str().expect("a text")
}

/// What came to a client, in order.
fn heard<'a>(events: &'a [Json], who: &str) -> Vec<&'a str> {
    let heard = events.iter().filter(|event| event[0] == who);
    let heard = heard.filter(|event| event[1] == "<");
    heard.map(|event| text(&event[2])).collect()
}

#[test]
fn recorded_sockets_are_answered_and_routed_alike() {
    let events = RECORDED["frames"].as_array().unwrap();
    let mut sockets = BTreeMap::from([
        ("alice", (Channels::default(), Vec::new())),
        ("bob", (Channels::default(), Vec::new())),
    ]);
    let mut left = Vec::new();
    for event in events.iter().filter(|event| event[1] == ">") {
        let (who, said) = (text(&event[0]), text(&event[2]));
        let (channels, answers) = sockets.get_mut(who).unwrap();
        match channels.take(said).unwrap() {
            Step::Answer(answer) | Step::Enter { answer, .. } => answers.push(answer.to_owned()),
            Step::Route(ChannelFrame { channel, frame, .. }) => {
                let id = text(&RECORDED["clients"][who]);
                let forwarded = channel::write(channel, &frame::write(id, frame.remainder));
                let other = if who == "alice" { "bob" } else { "alice" };
                let addressed = frame.client == text(&RECORDED["clients"][other]);
                let (channels, answers) = sockets.get_mut(other).unwrap();
                if channels.contains(channel) && (frame.client.is_empty() || addressed) {
                    answers.push(forwarded);
                }
            }
            Step::Leave(channel) => left.push(channel.into_owned()),
            Step::Nothing => panic!("they say nothing without effect: {said}"),
        }
    }
    for (who, (channels, answers)) in &sockets {
        // The recording has what was under way in another order.
        let mut answers: Vec<&str> = answers.iter().map(|answer| &**answer).collect();
        let mut recorded = heard(events, who);
        answers.sort_unstable();
        recorded.sort_unstable();
        assert_eq!(answers, recorded, "{who}");
        assert_eq!(channels.contains("pets"), *who == "bob");
    }
    assert_eq!(left, ["open/hours \"é\\\"", "pets"]);
}

#[test]
fn a_store_in_a_channel_takes_part() {
    let mut store = Store::new("server");
    let mut assembler = Assembler::default();
    for event in RECORDED["frames"].as_array().unwrap() {
        let Ok(Multiplexed::Frame(ChannelFrame {
            channel: "pets",
            sender,
            frame,
        })) = Multiplexed::parse(text(&event[2]))
        else {
            continue;
        };
        if event[1] == "<" {
            continue;
        }
        let message = match frame.payload {
            Payload::Whole(message) => Some(message.to_owned()),
            Payload::Part(part) => assembler.push(sender, part, NOW).unwrap(),
        };
        let Some(message) = message else {
            continue;
        };
        if tinybase::kind(&message) == Ok(MessageKind::ContentDiff) {
            assert!(store.receive(&message, NOW).unwrap().forwardable);
        }
    }
    let cell = |row, cell| store.cell("pets", row, cell).map(Value::kind);
    assert_eq!(cell("fido", "species"), Some(Kind::Text("dog".into())));
    let Some(Kind::Text(about)) = cell("felix", "about") else {
        panic!("felix is there");
    };
    assert!(about.ends_with("said, ün ~ "));
}

#[test]
fn what_the_stock_server_refuses_is_refused_alike() {
    for session in RECORDED["refused"].as_array().unwrap() {
        let mut channels = Channels::default();
        let mut answers = Vec::new();
        let mut closed = Json::Null;
        for said in session["frames"].as_array().unwrap() {
            match channels.take(text(said)) {
                Ok(Step::Answer(answer) | Step::Enter { answer, .. }) => answers.push(answer),
                Ok(Step::Route(_) | Step::Leave(_) | Step::Nothing) => {}
                Err(error) => {
                    closed = serde_json::json!([error.close_code(), error.close_reason()]);
                    break;
                }
            }
        }
        let frames = &session["frames"];
        assert_eq!(closed, session["closed"], "{frames}");
        assert_eq!(serde_json::json!(answers), session["answers"], "{frames}");
    }
}

#[test]
fn a_socket_is_known_again_after_an_eviction() {
    let mut channels = Channels::default();
    for id in ["b/c", "a"] {
        let said = channel::subscribe("1", id);
        assert!(matches!(channels.take(&said), Ok(Step::Enter { .. })));
    }
    let ids: Vec<&str> = channels.ids().collect();
    assert_eq!(ids, ["a", "b/c"]);
    let mut again = Channels::resumed(ids);
    assert_eq!(again, channels);
    let routed = channel::write("a", "S\n[null,1,\"\"]");
    assert!(matches!(again.take(&routed), Ok(Step::Route(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_again(request in "\\PC{0,9}", channel in "[^\\n\\r?#/\\PC]{1,9}x(/y)?") {
        let (asked, subscribed) = (channel::hello(&request), channel::subscribe(&request, &channel));
        prop_assert_eq!(Multiplexed::parse(&asked), Ok(Multiplexed::Hello { request: (&*request).into() }));
        let expected = Multiplexed::Subscribe { request: (&*request).into(), channel: (&*channel).into() };
        prop_assert_eq!(Multiplexed::parse(&subscribed), Ok(expected));
        let left = channel::unsubscribe(&channel);
        let expected = Multiplexed::Unsubscribe { channel: (&*channel).into() };
        prop_assert_eq!(Multiplexed::parse(&left), Ok(expected));
        let sent = channel::write(&channel, &frame::write("bob", "[1]"));
        let Ok(Multiplexed::Frame(ChannelFrame { channel: named, sender, frame })) = Multiplexed::parse(&sent) else {
            panic!("{sent}");
        };
        prop_assert_eq!((named, frame.client, frame.remainder), (&*channel, "bob", "[1]"));
        prop_assert_eq!(sender, format!("{channel}\nbob"));
    }
}
