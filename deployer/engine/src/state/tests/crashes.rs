//! Processes that are killed while they write.

use std::io::{BufRead as _, BufReader, Write as _};
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
    let mut cut = 0;
    for round in 0..ROUNDS {
        let mut child = process("crashes::writes_until_it_is_killed", &folder.private())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            BufReader::new(output)
                .lines()
                .filter_map(|line| line.ok()?.strip_prefix("saved ")?.parse::<u64>().ok())
                .last()
        });
        // From before its first write to somewhere among many.
        tokio::time::sleep(Duration::from_micros(5_000 + round * round * 97 % 60_000)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = reader.join().unwrap().unwrap_or(acknowledged);

        let there = store.load().await.unwrap();
        let serial = there.as_ref().map_or(0, |state| state.serial);
        assert!(
            serial == acknowledged || serial == acknowledged + 1,
            "round {round}: {acknowledged} was acknowledged, {serial} is there"
        );
        cut += u64::from(serial > acknowledged);
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
    assert!(
        acknowledged > ROUNDS,
        "it hardly got to write: {acknowledged}"
    );
    assert!(
        cut > 0,
        "no kill came between a write and its acknowledgement"
    );
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
