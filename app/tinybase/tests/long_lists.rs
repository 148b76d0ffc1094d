//! A list that is longer than the longest message of stock clients.
#![allow(
    clippy::unwrap_used,
    reason = "the functions shared by the tests are test code too"
)]

use tinybase::{Received, Store, Value};

const NOW: u64 = 1_764_000_000_000;
/// TinyBase's own limit is 16 MiB; an answer should be far from it.
const LONGEST: usize = 6 * 1024 * 1024;

fn store_of(todos: usize) -> Store {
    let mut store = Store::new("server");
    let text = Value::text(&"a rather long text ".repeat(50)).unwrap();
    for id in 0..todos {
        store.set_cell("todos", &format!("todo {id}"), "text", text.clone(), NOW);
    }
    let _ = store.commit();
    store
}

/// Has a peer pull all that it lacks; gives how long the longest message to it was.
fn pull(server: &mut Store, peer: &mut Store) -> usize {
    let mut longest = 0;
    let mut questions = peer.receive(&server.announcement(), NOW).unwrap().replies;
    while let Some(question) = questions.pop() {
        let Received { replies, rest, .. } = server.receive(&question, NOW).unwrap();
        let rest = rest.iter().map(|rest| server.rest(rest));
        for message in replies.into_iter().chain(rest) {
            longest = longest.max(message.len());
            questions.extend(peer.receive(&message, NOW).unwrap().replies);
        }
    }
    longest
}

#[test]
fn a_new_peer_gets_it_in_messages_that_it_can_take() {
    let mut server = store_of(20_000);
    let mut peer = Store::new("peer");
    let longest = pull(&mut server, &mut peer);
    assert!(longest < LONGEST, "{longest}");
    assert_eq!(peer.hashes(), server.hashes());
}

#[test]
fn so_does_a_peer_that_has_some_of_it() {
    let mut server = store_of(20_000);
    let mut peer = store_of(10);
    peer.set_cell("todos", "todo 3", "done", Value::from(true), NOW + 1);
    let longest = pull(&mut server, &mut peer);
    assert!(longest < LONGEST, "{longest}");
    let lacks = peer.rows("todos").count();
    assert_eq!(lacks, 20_000);
}

#[test]
fn a_short_list_comes_in_one_answer() {
    let mut server = store_of(100);
    let answer = server.receive(r#"["q",4,{}]"#, NOW).unwrap();
    assert_eq!((answer.replies.len(), answer.rest.len()), (1, 0));
}
