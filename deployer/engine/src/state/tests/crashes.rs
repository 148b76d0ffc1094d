//! Processes that are killed while they write.

use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::mpsc;
use std::time::Duration;

use super::{Folder, address, given_folder, process, sample, store_in};
use crate::state::{State, StateStore, Status};

/// What was acknowledged is there, or the one that was being written; nothing else, and whole.
#[tokio::test]
async fn a_kill_at_any_moment_leaves_a_whole_state_and_loses_nothing_acknowledged() {
    const ROUNDS: u64 = 40;
    let folder = Folder::new();
    let store = folder.store("prod");
    let mut acknowledged = 0;
    let mut interrupted = 0;
    for round in 0..ROUNDS {
        let mut child = process("crashes::writes_until_it_is_killed", &folder.private())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let (saved, told) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(serial) = line.strip_prefix("saved ") {
                    saved.send(serial.parse::<u64>().unwrap()).unwrap();
                }
            }
        });
        // In the middle of its first write, or of one of those after it.
        for _ in 0..round % 4 {
            acknowledged = told.recv_timeout(Duration::from_secs(30)).unwrap();
        }
        tokio::time::sleep(Duration::from_micros(round * 397 % 8_000)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
        acknowledged = told.try_iter().last().unwrap_or(acknowledged);
        let half_written = folder.file("prod.json.new").exists();

        let there = store.load().await.unwrap();
        let serial = there.as_ref().map_or(0, |state| state.serial);
        assert!(
            serial == acknowledged || serial == acknowledged + 1,
            "round {round}: {acknowledged} was acknowledged, {serial} is there"
        );
        interrupted += u64::from(half_written || serial > acknowledged);
        acknowledged = serial;
        if let Some(state) = there {
            assert_eq!(
                state.resources[&address("worker.web")].input_hash,
                filling(serial)
            );
        }
        if serial > 1 {
            let history = store.history().await.unwrap();
            assert!(
                history.len() == 2 || fs_err::metadata(folder.file("prod.json.backup")).is_err(),
                "round {round}: the copy before is broken"
            );
        }
    }
    assert!(interrupted > 0, "no kill came in the middle of a write");
}

#[tokio::test]
#[ignore = "a process of a_kill_at_any_moment_leaves_a_whole_state_and_loses_nothing_acknowledged"]
async fn writes_until_it_is_killed() {
    let store: StateStore = store_in(&given_folder(), "prod");
    let guard = store.lock("deploy").await.unwrap();
    let mut state: State = store
        .load()
        .await
        .unwrap()
        .unwrap_or_else(|| sample("prod"));
    loop {
        let record = state.resources.get_mut(&address("worker.web")).unwrap();
        record.status = Status::Ready;
        record.input_hash = filling(state.serial + 1);
        guard.save(&mut state).await.unwrap();
        writeln!(std::io::stdout(), "saved {}", state.serial).unwrap();
    }
}

/// Up to a hundred kilobytes, other ones each time.
fn filling(serial: u64) -> String {
    let length = usize::try_from(serial * 7_919 % 100_000).unwrap();
    serial.to_string().repeat(length / 4 + 1)
}
