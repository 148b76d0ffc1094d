use serde_json::{Value as Json, json};
use tinybase::{Restore, Store};

use super::*;
use crate::entry;
use crate::filter::Filter;

const NOW: u64 = 1_764_000_000_000;

fn guest(user: &str, right: Right, dialect: Dialect) -> Guest {
    Guest {
        right,
        who: Who::of(user),
        share: None,
        until: None,
        dialect,
    }
}

fn syncing(user: &str) -> Guest {
    guest(user, Right::Write, Dialect::Sync(format!("{user}'s")))
}

fn plain(user: &str) -> Guest {
    guest(user, Right::Write, Dialect::Plain)
}

/// A room, what it has written, and what was sent to each member.
struct Story {
    room: Room,
    disk: Vec<Entry>,
    inboxes: BTreeMap<MemberId, Vec<String>>,
    dismissed: Vec<(MemberId, u16)>,
    now: u64,
}

impl Story {
    fn new(limits: Limits) -> Self {
        Self {
            room: Room::new(List::new(Store::new("server")), limits),
            disk: Vec::new(),
            inboxes: BTreeMap::new(),
            dismissed: Vec::new(),
            now: NOW,
        }
    }

    fn with(guests: &[Guest]) -> Self {
        let mut story = Self::new(Limits::default());
        for (id, guest) in (0..).zip(guests) {
            story.join(id, guest.clone());
        }
        story.inboxes.clear();
        story
    }

    fn join(&mut self, id: MemberId, guest: Guest) {
        let turn = self.room.join(id, guest, self.now);
        self.carry_out(turn);
    }

    fn carry_out(&mut self, turn: Turn) {
        self.disk.extend(turn.entries);
        for Mail { to, texts } in turn.mail {
            let to = match to {
                To::Members(members) => members,
                To::Syncing { but } => self.room.syncing(but),
            };
            for id in to {
                let inbox = self.inboxes.entry(id).or_default();
                inbox.extend(texts.iter().cloned());
            }
        }
        for (id, rejection) in turn.dismissed {
            self.dismissed.push((id, rejection.code));
            let turn = self.room.leave(id, self.now);
            self.carry_out(turn);
        }
    }

    fn says(&mut self, id: MemberId, text: &str) -> Result<(), u16> {
        let turn = self.room.hear(id, text, 0, self.now);
        self.carry_out(turn.map_err(|rejection| rejection.code)?);
        Ok(())
    }

    /// A frame to all that sets a cell of a todo.
    fn sets(&mut self, id: MemberId, todo: &str, cell: &str, value: &str) -> Result<(), u16> {
        let mut store = Store::new(&format!("client {id}"));
        let value = text_value(value);
        self.now += 1;
        store.set_cell("todos", todo, cell, value, self.now);
        let batch = store.commit();
        let message = store.broadcast(&batch);
        self.says(id, &frame::write("", &message))
    }

    fn inbox(&mut self, id: MemberId) -> Vec<String> {
        self.inboxes.remove(&id).unwrap_or_default()
    }

    fn texts(&mut self) -> Vec<String> {
        let todos = self.room.list().window(Filter::All, 0, 100);
        todos.iter().map(|todo| todo.text.to_string()).collect()
    }
}

#[test]
fn an_edit_reaches_the_others_in_its_own_words_and_the_disk_as_one_row() {
    let mut story = Story::with(&[syncing("a"), syncing("b"), syncing("c")]);
    story.sets(0, "1", "text", "tea").unwrap();
    assert_eq!(story.inbox(0), Vec::<String>::new());
    let heard = story.inbox(1);
    assert!(
        heard.len() == 1 && heard[0].starts_with("a's\n[null,3,"),
        "{heard:?}"
    );
    assert_eq!(story.inbox(2), heard);
    assert_eq!(story.texts(), ["tea"]);
    let kinds: Vec<u32> = story.disk.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [1, 7], "a row and the marks: {:?}", story.disk);
}

#[test]
fn what_is_on_disk_is_the_store_without_those_who_are_here() {
    let mut story = Story::with(&[syncing("a")]);
    for (id, text) in [("1", "tea"), ("2", "bread"), ("1", "green tea")] {
        story.sets(0, id, "text", text).unwrap();
    }
    let mut again = Restore::new("server");
    for Entry {
        kind,
        table,
        row,
        text,
    } in &story.disk
    {
        entry::restore(&mut again, *kind, table, row, text).unwrap();
    }
    let again = again.finish();
    assert_eq!(again.hashes()[0], story.room.list().store().hashes()[0]);
    assert_eq!(again.value_ids().count(), 0);
    assert_eq!(story.room.list().store().value_ids().count(), 1);
}

#[test]
fn questions_meant_for_all_are_answered_here_alone() {
    let mut story = Story::with(&[syncing("a"), syncing("b")]);
    story.says(0, "\n[\"q\",1,\"\"]").unwrap();
    let heard = story.inbox(0);
    assert!(heard.len() == 1 && heard[0].starts_with("S\n[\"q\",0,["));
    assert_eq!(story.inbox(1), Vec::<String>::new());
    // What is for one client alone goes to that one.
    story.says(0, "b's\n[\"q\",1,\"\"]").unwrap();
    assert_eq!(story.inbox(1), ["a's\n[\"q\",1,\"\"]"]);
}

#[test]
fn whoever_joins_is_asked_and_what_they_bring_is_passed_on() {
    let mut story = Story::with(&[syncing("a")]);
    story.join(1, syncing("b"));
    let heard = story.inbox(1);
    assert_eq!(heard.last().unwrap(), "S\n[\"pull.hashes\",1,\"\"]");
    story.inboxes.clear();
    let clock = "Oeq_yV-----67WEb";
    let cells = format!("[[{{\"todos\":[{{\"1\":[{{\"text\":[\"tea\",\"{clock}\"]}}]}}]}}],{{}}]");
    story
        .says(1, &format!("S\n[\"pull.tables\",0,{cells}]"))
        .unwrap();
    let heard = story.inbox(0);
    assert!(
        heard.len() == 1 && heard[0].starts_with("S\n[null,3,"),
        "{heard:?}"
    );
    assert_eq!(story.texts(), ["tea"]);
}

#[test]
fn a_reader_reads_and_is_told_when_it_writes() {
    let mut story = Story::with(&[syncing("a")]);
    story.sets(0, "1", "text", "tea").unwrap();
    let reader = guest("b", Right::Read, Dialect::Sync("b's".into()));
    story.join(1, reader);
    // It is not asked for what it has.
    assert!(story.inbox(1).iter().all(|text| !text.contains("pull")));
    story.says(1, "\n[\"q\",4,{}]").unwrap();
    assert!(story.inbox(1)[0].contains("tea"));
    assert_eq!(story.sets(1, "1", "text", "gin"), Err(close::FORBIDDEN));
    assert_eq!(story.texts(), ["tea"]);

    story.join(2, guest("c", Right::Read, Dialect::Plain));
    let same = r#"{"tables":{"todos":{"1":{"text":"tea","completed":false}}},"values":{}}"#;
    assert_eq!(story.says(2, same), Ok(()));
    let other = r#"{"tables":{"todos":{}},"values":{}}"#;
    assert_eq!(story.says(2, other), Err(close::FORBIDDEN));
}

#[test]
fn plain_and_syncing_clients_see_each_others_edits() {
    let mut story = Story::with(&[syncing("a"), plain("b"), plain("c")]);
    story.sets(0, "1", "text", "tea").unwrap();
    let whole = |todos: Json| json!({"tables": {"todos": todos}, "values": {}});
    let read = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    let tea = whole(json!({"1": {"text": "tea", "completed": false}}));
    assert_eq!(read(&story.inbox(1)[0]), tea);
    assert_eq!(read(&story.inbox(2)[0]), tea);

    let both = whole(json!({
        "1": {"text": "tea", "completed": true},
        "2": {"text": "bread", "completed": false},
    }));
    story.says(1, &both.to_string()).unwrap();
    assert_eq!(story.texts(), ["tea", "bread"]);
    let heard = story.inbox(0);
    assert!(heard.len() == 1 && heard[0].starts_with("S\n[null,3,"));
    assert!(heard[0].contains("bread") && !heard[0].contains("tea"));
    assert_eq!(read(&story.inbox(2)[0]), both);
    assert_eq!(story.inbox(1), Vec::<String>::new());

    // What plain clients do not know of stays.
    story.sets(0, "1", "notes", "green").unwrap();
    assert_eq!(story.inbox(1), Vec::<String>::new());
    story.now += 60_000;
    let done = whole(json!({"1": {"text": "black tea", "completed": true}}));
    story.says(2, &done.to_string()).unwrap();
    let todos = story.room.list().window(Filter::All, 0, 10);
    assert_eq!(todos.len(), 1);
    assert_eq!(todos[0].notes.as_deref(), Some("green"));
}

#[test]
fn those_who_are_here_are_named_until_they_leave() {
    let mut story = Story::with(&[syncing("a")]);
    story.join(1, syncing("b"));
    assert!(story.inbox(0)[0].contains(r#"{\"name\":\"b\"}"#));
    story.join(2, syncing("b"));
    assert_eq!(story.inbox(0), Vec::<String>::new());
    for id in [1, 2] {
        let turn = story.room.leave(id, story.now);
        story.carry_out(turn);
    }
    assert_eq!(story.inbox(0).len(), 1);
    assert_eq!(story.room.list().store().value_ids().count(), 1);
    assert!(story.disk.is_empty());
}

#[test]
fn a_claim_to_be_somebody_is_put_right_for_all() {
    let mut story = Story::with(&[syncing("a"), syncing("b")]);
    let mut client = Store::new("client");
    client.set_value("here/eve", Value::from(true), NOW);
    let batch = client.commit();
    let message = client.broadcast(&batch);
    story.says(0, &frame::write("", &message)).unwrap();
    for id in [0, 1] {
        let last = story.inbox(id).pop().unwrap();
        assert!(
            last.starts_with("S\n") && last.contains("here/eve"),
            "{last}"
        );
    }
    assert!(story.room.list().store().value("here/eve").is_none());
}

#[test]
fn what_breaks_a_limit_changes_nothing_and_is_not_passed_on() {
    let mut story = Story::with(&[syncing("a"), syncing("b")]);
    let long = "x".repeat(limit::TEXT + 1);
    assert_eq!(story.sets(0, "1", "text", &long), Err(close::POLICY));
    assert_eq!(story.says(0, "no frame"), Err(close::MALFORMED));
    assert_eq!(story.says(0, "\n[nonsense"), Err(close::MALFORMED));
    assert_eq!(story.inbox(1), Vec::<String>::new());
    assert_eq!(story.texts(), Vec::<String>::new());
}

#[test]
fn an_edit_from_the_future_is_asked_for_again() {
    let mut story = Story::with(&[syncing("a"), syncing("b")]);
    let mut client = Store::new("client");
    client.set_cell("todos", "1", "text", text_value("tea"), NOW + 3_600_000);
    let batch = client.commit();
    let message = frame::write("", &client.broadcast(&batch));
    let turn = story.room.hear(0, &message, 0, NOW).unwrap();
    assert!(turn.mail.is_empty() && turn.entries.is_empty());
    assert_eq!(
        turn.ask_again,
        Some(NOW + 3_600_000 - tinybase::MAX_AHEAD_MS)
    );
    let turn = story.room.ask_again(NOW + 3_600_000);
    assert_eq!(turn.mail[0].to, To::Members(vec![0, 1]));
}

#[test]
fn what_was_deleted_long_ago_leaves_the_disk_and_does_not_come_back() {
    let mut story = Story::with(&[syncing("a")]);
    story.sets(0, "1", "text", "tea").unwrap();
    story.sets(0, "2", "text", "bread").unwrap();
    let edits = story.room.list().gone("1").into_iter().collect();
    let turn = story.room.edit(edits, 0, story.now).unwrap();
    story.carry_out(turn);
    assert_eq!(story.room.forget(story.now).gone, []);

    story.now += Limits::default().horizon + 2_000;
    let turn = story.room.forget(story.now);
    let gone: Vec<&str> = turn.gone.iter().map(|key| key.row.as_str()).collect();
    assert_eq!(gone, ["1"]);
    assert!(!turn.entries.is_empty() && turn.mail.is_empty());
    // Somebody who was away all the time still has it.
    let clock = "Oeq_yV-----67WEb";
    let old = format!("[[{{\"todos\":[{{\"1\":[{{\"text\":[\"tea\",\"{clock}\"]}}]}}]}}],{{}}]");
    story
        .says(0, &format!("S\n[\"pull.tables\",0,{old}]"))
        .unwrap();
    assert_eq!(story.texts(), ["bread"]);
}

#[test]
fn many_who_listen_are_told_of_quick_edits_at_once() {
    let guests: Vec<Guest> = (0..400).map(|n| syncing(&n.to_string())).collect();
    let mut story = Story::with(&guests);
    story.now += 1_000;
    let _ = story.room.flush(story.now);
    story.now += 1_000;
    story.sets(0, "1", "text", "tea").unwrap();
    assert!(story.inbox(399)[0].starts_with("0's\n"));
    for (member, todo) in [(0, "2"), (1, "3")] {
        story.sets(member, todo, "text", "bread").unwrap();
    }
    assert_eq!(story.inbox(399), Vec::<String>::new());
    assert_eq!(story.texts().len(), 3);
    let turn = story.room.flush(story.now + 10);
    story.carry_out(turn);
    let heard = story.inbox(399);
    assert!(
        heard.len() == 1 && heard[0].starts_with("S\n[null,3,"),
        "{heard:?}"
    );
    assert_eq!(heard[0].matches("bread").count(), 2);
    assert!(!heard[0].contains("tea"));
    // Two did it, so both are told what the other did.
    assert_eq!(story.inbox(0).len(), 1);
    assert_eq!(story.room.flush(story.now + 20), Turn::default());
}

#[test]
fn nobody_waits_for_long_for_others_who_do_not_come() {
    let guests: Vec<Guest> = (0..400).map(|n| syncing(&n.to_string())).collect();
    let mut story = Story::with(&guests);
    let mut waits = Vec::new();
    for n in 0..30 {
        story.now += 20;
        story.sets(0, &n.to_string(), "text", "tea").unwrap();
        let waited = story.inbox(399).is_empty();
        if waited {
            let turn = story.room.flush(story.now + 5);
            story.carry_out(turn);
            assert_eq!(story.inbox(399).len(), 1);
        }
        waits.push(waited);
    }
    assert!(
        waits.iter().filter(|waited| **waited).count() <= 8,
        "{waits:?}"
    );

    // When others do come, it is at most a few edits until they are gathered, all of them.
    let mut told = 0;
    for n in 30..130 {
        story.now += 2;
        story.sets(n % 3, &n.to_string(), "text", "bread").unwrap();
        if n % 5 == 0 {
            let turn = story.room.flush(story.now);
            story.carry_out(turn);
        }
        told += story.inbox(399).len();
    }
    assert!(told <= 8 + 20, "{told}");
    assert_eq!(story.room.list().counts().all, 130);
}

#[test]
fn a_long_message_goes_out_in_parts() {
    let mut story = Story::with(&[syncing("a"), syncing("b")]);
    for id in 0..40 {
        let notes = "x".repeat(limit::NOTES);
        story.sets(0, &id.to_string(), "notes", &notes).unwrap();
    }
    story.inboxes.clear();
    story.says(1, "S\n[\"q\",4,{}]").unwrap();
    let parts = story.inbox(1);
    assert!(parts.len() > 1);
    let mut assembler = Assembler::default();
    let whole = parts.iter().find_map(|text| {
        let Payload::Part(part) = Frame::parse(text).unwrap().payload else {
            panic!("not a part");
        };
        assembler.push(SERVER, part, NOW).unwrap()
    });
    assert!(whole.unwrap().starts_with("[\"q\",0,"));
}

/// What sets a cell, in parts.
fn parts_of_an_edit(text: &str) -> Vec<String> {
    let mut client = Store::new("client");
    client.set_cell("todos", "1", "text", Value::text(text).unwrap(), NOW);
    let batch = client.commit();
    frame::write_parts("", &client.broadcast(&batch), "0123456789abcdef", 40)
}

#[test]
fn a_message_may_take_minutes_to_arrive() {
    let mut story = Story::with(&[syncing("a"), syncing("b")]);
    for part in parts_of_an_edit("tea") {
        story.now += 60_000;
        story.says(0, &part).unwrap();
    }
    assert_eq!(story.inbox(1).len(), 1);
}

#[test]
fn whoever_lost_a_part_on_the_way_is_asked_for_what_they_have() {
    let mut story = Story::with(&[
        syncing("a"),
        guest("b", Right::Read, Dialect::Sync("b's".into())),
    ]);
    for part in parts_of_an_edit("tea").iter().skip(1) {
        for member in [0, 1] {
            assert_eq!(story.inbox(member), [""; 0]);
            story.says(member, part).unwrap();
        }
    }
    assert_eq!(story.inbox(0), ["S\n[\"pull.hashes\",1,\"\"]"]);
    assert_eq!(story.inbox(1), [""; 0]);
}

#[test]
fn nobody_stays_longer_than_what_let_them_in_is_good() {
    let mut passing = syncing("b");
    passing.until = Some(NOW / 1000 + 60);
    let mut story = Story::with(&[syncing("a"), passing.clone(), passing]);
    let over = story.room.expires_at().unwrap();
    assert_eq!(over, NOW + 60_000);
    let turn = story.room.expire(over - 1);
    story.carry_out(turn);
    assert!(story.dismissed.is_empty());

    // What is said after it is not taken, even if nobody has looked yet.
    story.now = over;
    assert_eq!(story.sets(1, "1", "text", "tea"), Err(close::EXPIRED));
    assert_eq!(story.texts(), [""; 0]);
    let turn = story.room.expire(over);
    story.carry_out(turn);
    assert_eq!(story.dismissed, [(1, close::EXPIRED), (2, close::EXPIRED)]);
    assert_eq!(story.room.members(), 1);
    assert_eq!(story.room.expires_at(), None);
}

#[test]
fn whoever_came_by_a_link_leaves_with_it() {
    let mut by_link = syncing("b");
    by_link.share = Some("link".into());
    let mut story = Story::with(&[syncing("a"), by_link]);
    let turn = story.room.revoke("link");
    story.carry_out(turn);
    assert_eq!(story.dismissed, [(1, close::FORBIDDEN)]);
    assert_eq!(story.room.members(), 1);
}
