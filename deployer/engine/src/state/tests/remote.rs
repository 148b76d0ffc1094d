//! The state in the account, against a real local Cloudflare.

use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use tiny_cloud::{NoPrograms, Options};
use tiny_cloudflare::{Account, Cloudflare, D1Statement, Patience, Secret, Settings};

use super::{address, sample, save, stage, told};
use crate::state::remote::LEASE;
use crate::state::{State, StateError, StateStore};

/// A lease that a test may wait for, and that outlasts a machine which is busy for a moment.
const SHORT: Duration = Duration::from_secs(6);

/// A local Cloudflare of one test.
struct Cloud {
    cloud: tiny_cloud::Cloud,
    _folder: tempfile::TempDir,
}

impl Cloud {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let no_worker = || async { Err(NoPrograms("no worker runs here".to_owned())) };
        let mut options = Options::new(
            Utf8Path::from_path(folder.path()).unwrap().join("cloud"),
            Arc::new(move || Box::pin(no_worker())),
        );
        options.rate_limit = None;
        Self {
            cloud: tiny_cloud::start(options).await.unwrap(),
            _folder: folder,
        }
    }

    /// As a machine of its own sees it.
    fn account(&self) -> Account {
        let settings = Settings {
            base_url: self.cloud.base_url(),
            token: Secret::new("of-the-tests"),
            account_id: None,
            patience: Patience {
                first_pause: Duration::from_millis(5),
                longest_pause: Duration::from_millis(20),
                answer: Duration::from_secs(2),
                ..Patience::default()
            },
            trace: None,
        };
        Cloudflare::new(settings)
            .unwrap()
            .account_of(self.cloud.account_id())
    }

    fn store(&self, name: &str) -> StateStore {
        self.store_with(name, LEASE)
    }

    fn store_with(&self, name: &str, lease: Duration) -> StateStore {
        StateStore::remote_with(self.account(), "todo", &stage(name), lease)
    }

    /// Breaks requests, as `POST **/query#1=drop-after` says.
    fn breaks(&self, fault: &str) {
        self.cloud.faults().set(vec![fault.parse().unwrap()]);
    }

    fn heals(&self) {
        self.cloud.faults().clear();
    }

    /// How many requests that were broken on purpose.
    fn broken(&self) -> u64 {
        self.cloud.faults().report().struck
    }

    /// By somebody with the dashboard.
    async fn sql(&self, sql: &str) {
        let account = self.account();
        let database = account.d1_database_named("tiny-state").await.unwrap();
        let statement = D1Statement {
            sql: sql.to_owned(),
            params: Vec::new(),
        };
        account
            .run_d1::<serde_json::Value>(&database.unwrap().uuid, &statement)
            .await
            .unwrap();
    }
}

fn token(error: &StateError) -> Option<u64> {
    match error {
        StateError::Locked { holder, .. } => holder.as_ref().and_then(|holder| holder.token),
        _ => None,
    }
}

#[tokio::test]
async fn what_one_machine_saves_the_other_reads() {
    let cloud = Cloud::start().await;
    let here = cloud.store("prod");
    assert_eq!(here.load().await.unwrap(), None);
    assert!(here.list().await.unwrap().is_empty());
    assert_eq!(here.holder().await.unwrap(), None);
    let databases = cloud.account().d1_databases().await.unwrap();
    assert_eq!(databases.len(), 0, "looking makes nothing");

    let mut state = sample("prod");
    let guard = here.lock("deploy").await.unwrap();
    guard.prove(&state).await.unwrap();
    guard.save(&mut state).await.unwrap();
    guard.save(&mut state).await.unwrap();
    assert_eq!(state.serial, 2);

    let there = cloud.store("prod");
    assert_eq!(there.load().await.unwrap().as_ref(), Some(&state));
    save(&cloud.store("dev"), &mut sample("dev")).await.unwrap();
    let other_stack = StateStore::remote_of(cloud.account(), "shop", &stage("prod"));
    assert_eq!(other_stack.load().await.unwrap(), None);
    assert!(other_stack.list().await.unwrap().is_empty());
    let listed: Vec<_> = there
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|found| {
            let recorded = found.recorded.unwrap().unwrap();
            assert!(recorded.updated.elapsed().unwrap().as_secs() < 60);
            (
                found.stage,
                recorded.serial,
                recorded.resources,
                found.holder.map(|holder| holder.purpose),
            )
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("dev".to_owned(), 1, 2, None),
            ("prod".to_owned(), 2, 2, Some("deploy".to_owned())),
        ]
    );

    let others = there.others().await.unwrap();
    assert_eq!(others.len(), 1, "its own state is not among them");
    assert_eq!(others[0].stage, "dev");

    guard.delete().await.unwrap();
    guard.release().await.unwrap();
    assert_eq!(there.load().await.unwrap(), None);
    assert_eq!(there.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn only_one_holds_a_stage_and_the_other_learns_who() {
    let cloud = Cloud::start().await;
    let (here, there) = (cloud.store("prod"), cloud.store("prod"));
    let guard = here.lock("deploy").await.unwrap();
    let holder = guard.holder().clone();

    let error = there.lock("destroy").await.unwrap_err();
    assert!(error.is_locked());
    assert_eq!(
        told(&error),
        format!(
            "stage `prod` is locked by {holder}\n  help: wait until it is done; a lock whose holder died \
             ends by itself within a minute, and `tiny state unlock` removes it at once"
        )
    );
    assert_eq!(token(&error), holder.token);
    assert_eq!(there.holder().await.unwrap(), Some(holder.clone()));
    let age = holder.since().elapsed().unwrap_or_default();
    assert!(age < Duration::from_mins(1), "{age:?}");

    guard.release().await.unwrap();
    assert_eq!(there.holder().await.unwrap(), None);
    let next = there.lock("destroy").await.unwrap();
    assert!(next.holder().token > holder.token, "tokens count up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_race_for_an_empty_account_one_wins() {
    const RACERS: usize = 8;
    let cloud = Cloud::start().await;
    let racers: Vec<_> = (0..RACERS)
        .map(|_| {
            let store = cloud.store("prod");
            tokio::spawn(async move { store.lock("deploy").await })
        })
        .collect();
    let mut winners = Vec::new();
    for racer in racers {
        match racer.await.unwrap() {
            Ok(guard) => winners.push(guard),
            Err(error) => assert!(error.is_locked(), "{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    let databases = cloud.account().d1_databases().await.unwrap();
    assert_eq!(databases.len(), 1, "they all use one");
    winners[0].save(&mut sample("prod")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_of_anybody_is_lost() {
    const MACHINES: usize = 3;
    const CHANGES: usize = 4;
    let cloud = Cloud::start().await;
    let mut first = sample("prod");
    save(&cloud.store("prod"), &mut first).await.unwrap();
    let machines: Vec<_> = (0..MACHINES)
        .map(|machine| {
            let store = cloud.store("prod");
            tokio::spawn(async move {
                for change in 0..CHANGES {
                    let guard = loop {
                        match store.lock("deploy").await {
                            Ok(guard) => break guard,
                            Err(error) => assert!(error.is_locked(), "{error}"),
                        }
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    };
                    let mut state = store.load().await.unwrap().unwrap();
                    let record = state.resources[&address("d1.archive")].clone();
                    let at = address(&format!("d1.of-{machine}-{change}"));
                    state.resources.insert(at, record);
                    guard.save(&mut state).await.unwrap();
                    guard.release().await.unwrap();
                }
            })
        })
        .collect();
    for machine in machines {
        machine.await.unwrap();
    }
    let state = cloud.store("prod").load().await.unwrap().unwrap();
    assert_eq!(state.serial, 1 + (MACHINES * CHANGES) as u64);
    assert_eq!(state.resources.len(), 2 + MACHINES * CHANGES);
}

#[tokio::test]
async fn whoever_lost_the_lease_saves_nothing_any_more() {
    let cloud = Cloud::start().await;
    let (here, there) = (cloud.store("prod"), cloud.store("prod"));
    let mut state = sample("prod");
    let guard = here.lock("deploy").await.unwrap();
    guard.save(&mut state).await.unwrap();

    let holder = there.holder().await.unwrap().unwrap();
    assert!(there.unlock(&holder).await.unwrap());
    assert!(!there.unlock(&holder).await.unwrap(), "once is enough");
    let before = state.clone();
    let lost = guard.save(&mut state).await.unwrap_err();
    insta::assert_snapshot!(told(&lost), @r"
    the lock of stage `prod` was lost: somebody else removed it or took it over
      help: run the same command again: it looks at what is there before it goes on
    ");
    assert_eq!(state, before, "what failed did not count");

    let next = there.lock("destroy").await.unwrap();
    assert!(!there.unlock(&holder).await.unwrap(), "it is another one's");
    for attempt in [
        guard.save(&mut state).await,
        guard.push(state.clone(), true).await.map(|_| ()),
        guard.delete().await,
    ] {
        let lost = attempt.unwrap_err();
        assert!(matches!(lost, StateError::LockLost { .. }), "{lost}");
    }
    // Giving back what is no longer one's own takes it from nobody.
    guard.release().await.unwrap();
    let mut state = there.load().await.unwrap().unwrap();
    assert_eq!(state, before);
    next.save(&mut state).await.unwrap();
}

#[tokio::test]
async fn a_lease_that_nobody_renews_is_taken_over_when_it_has_run_out() {
    let cloud = Cloud::start().await;
    let (here, there) = (
        cloud.store_with("prod", SHORT),
        cloud.store_with("prod", SHORT),
    );
    let guard = here.lock("deploy").await.unwrap();
    let first = guard.holder().token;
    // As a process that was killed: nothing is given back.
    drop(guard);
    let died = Instant::now();
    let next = loop {
        match there.lock("deploy").await {
            Ok(guard) => break guard,
            Err(error) => assert_eq!(token(&error), first, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let waited = died.elapsed();
    assert!(waited > SHORT * 3 / 4, "{waited:?}");
    assert!(next.holder().token > first);
}

#[tokio::test]
async fn a_lease_is_held_as_long_as_its_process_lives() {
    let cloud = Cloud::start().await;
    let store = cloud.store_with("prod", SHORT);
    let mut state = sample("prod");
    let guard = store.lock("deploy").await.unwrap();
    let began = Instant::now();
    while began.elapsed() < 2 * SHORT {
        let error = store.lock("destroy").await.unwrap_err();
        assert_eq!(token(&error), guard.holder().token);
        tokio::time::sleep(SHORT / 10).await;
    }
    guard.save(&mut state).await.unwrap();
    guard.release().await.unwrap();
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_is_given_up_before_others_may_take_it() {
    let cloud = Cloud::start().await;
    let store = cloud.store_with("prod", SHORT);
    let mut state = sample("prod");
    let guard = store.lock("deploy").await.unwrap();
    guard.save(&mut state).await.unwrap();

    cloud.breaks("**=hang-before");
    let began = Instant::now();
    let lost = guard.lost().await;
    let after = began.elapsed();
    assert!(after <= SHORT * 3 / 2, "{after:?}");
    insta::assert_snapshot!(lost, @"the lock of stage `prod` was lost: it could not be renewed for 6 seconds, and so it ran out");
    cloud.heals();
    let seen = cloud.cloud.faults().seen();
    let refused = guard.save(&mut state).await.unwrap_err();
    assert!(matches!(refused, StateError::LockLost { .. }), "{refused}");
    assert_eq!(cloud.cloud.faults().seen(), seen, "it does not even ask");
}

#[tokio::test]
async fn a_short_break_of_the_network_costs_no_lease() {
    let cloud = Cloud::start().await;
    let store = cloud.store_with("prod", SHORT);
    let mut state = sample("prod");
    let guard = store.lock("deploy").await.unwrap();
    cloud.breaks("**=drop-before");
    // The first renewal fails, and one after it does not.
    tokio::time::sleep(SHORT / 3 + SHORT / 5).await;
    assert!(cloud.broken() > 0);
    cloud.heals();
    tokio::time::sleep(SHORT).await;
    guard.save(&mut state).await.unwrap();
    assert!(store.lock("destroy").await.unwrap_err().is_locked());
}

/// Each request of a whole session, broken in each way, before and after the work was done.
#[tokio::test]
async fn an_answer_that_got_lost_changes_nothing_about_the_outcome() {
    let cloud = Cloud::start().await;
    let mut strikes = 0;
    for (index, action) in ["drop-before", "drop-after", "hang-after", "500", "429:0"]
        .into_iter()
        .enumerate()
    {
        for request in 1.. {
            let name = format!("s{index}-{request}");
            let store = cloud.store(&name);
            let mut state = sample(&name);
            cloud.breaks(&format!("**#{request}={action}"));
            let guard = store.lock("deploy").await.unwrap();
            for serial in 1..=2 {
                guard.save(&mut state).await.unwrap();
                assert_eq!(state.serial, serial, "{action} of request {request}");
            }
            let struck = cloud.broken();
            cloud.heals();
            assert_eq!(store.load().await.unwrap().as_ref(), Some(&state));
            assert_eq!(store.history().await.unwrap().len(), 2);

            cloud.breaks(&format!("**#{request}={action}"));
            guard.delete().await.unwrap();
            guard.release().await.unwrap();
            let ended = cloud.broken();
            cloud.heals();
            assert_eq!(store.load().await.unwrap(), None);
            assert_eq!(store.holder().await.unwrap(), None);
            strikes += struck + ended;
            if struck + ended == 0 {
                break;
            }
        }
    }
    assert!(strikes >= 25, "only {strikes} requests were broken");
}

/// The first use of an account, where the database itself is being made.
#[tokio::test]
async fn an_answer_that_got_lost_makes_no_second_database() {
    for action in ["drop-before", "drop-after", "hang-after", "503"] {
        for request in 1..=3 {
            let cloud = Cloud::start().await;
            cloud.breaks(&format!("**#{request}={action}"));
            let locked = cloud.store("prod").lock("deploy").await;
            assert_eq!(cloud.broken(), 1, "{action} of request {request}");
            cloud.heals();
            let guard = match locked {
                Ok(guard) => guard,
                // Refused, it was not made, and that is said; the next one makes it.
                Err(error) => {
                    assert!(matches!(error, StateError::Cloudflare(_)), "{error}");
                    cloud.store("prod").lock("deploy").await.unwrap()
                }
            };
            guard.save(&mut sample("prod")).await.unwrap();
            assert_eq!(cloud.account().d1_databases().await.unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_save_that_was_lost_with_the_lease_is_no_save() {
    let cloud = Cloud::start().await;
    let (here, there) = (cloud.store("prod"), cloud.store("prod"));
    let mut state = sample("prod");
    let guard = here.lock("deploy").await.unwrap();
    guard.save(&mut state).await.unwrap();
    there
        .unlock(&there.holder().await.unwrap().unwrap())
        .await
        .unwrap();
    let next = there.lock("destroy").await.unwrap();

    cloud.breaks("POST **/query#1=drop-before");
    let lost = guard.save(&mut state).await.unwrap_err();
    assert!(matches!(lost, StateError::LockLost { .. }), "{lost}");
    assert_eq!(cloud.broken(), 1);
    assert_eq!(there.load().await.unwrap().unwrap().serial, 1);
    drop(next);
}

#[tokio::test]
async fn a_state_that_is_older_than_what_is_there_is_not_saved() {
    let cloud = Cloud::start().await;
    let store = cloud.store("prod");
    let mut state = sample("prod");
    let guard = store.lock("deploy").await.unwrap();
    guard.save(&mut state).await.unwrap();
    let mut old = state.clone();
    guard.save(&mut state).await.unwrap();

    let refused = guard.save(&mut old).await.unwrap_err();
    insta::assert_snapshot!(refused, @"the state of stage `prod` was changed meanwhile: serial 2 is there, where serial 1 was read");
    let new = guard.save(&mut sample("prod")).await.unwrap_err();
    insta::assert_snapshot!(new, @"the state of stage `prod` was changed meanwhile: serial 2 is there, where serial 0 was read");
    let mut other = State {
        serial: 2,
        ..sample("prod")
    };
    let foreign = guard.save(&mut other).await.unwrap_err();
    assert!(matches!(foreign, StateError::Changed { .. }), "{foreign}");
    assert_eq!(store.load().await.unwrap(), Some(state));
}

#[tokio::test]
async fn a_large_state_is_kept_in_parts() {
    let cloud = Cloud::start().await;
    let store = cloud.store("prod");
    let mut state = sample("prod");
    let record = state.resources[&address("worker.web")].clone();
    for worker in 0..30 {
        let mut record = record.clone();
        // Characters of three bytes, so that the cuts do not fall between them by themselves.
        record.input_hash = "€".repeat(33_000 + worker);
        let at = address(&format!("worker.w{worker}"));
        state.resources.insert(at, record);
    }
    let size = state.to_json().len();
    assert!(size > 2_900_000, "{size}");
    let guard = store.lock("deploy").await.unwrap();
    guard.save(&mut state).await.unwrap();
    guard.save(&mut state).await.unwrap();
    assert_eq!(store.load().await.unwrap(), Some(state));
}

#[tokio::test]
async fn the_last_states_of_the_last_commands_are_kept() {
    let cloud = Cloud::start().await;
    let store = cloud.store("prod");
    let mut state = sample("prod");
    for command in 1..=12 {
        let guard = store.lock("deploy").await.unwrap();
        for _ in 0..3 {
            state.account_id = Some(format!("{command}"));
            guard.save(&mut state).await.unwrap();
        }
        guard.release().await.unwrap();
    }
    let serials: Vec<_> = store
        .history()
        .await
        .unwrap()
        .iter()
        .map(|version| version.recorded.serial)
        .collect();
    assert_eq!(
        serials,
        [
            36, 35, 33, 32, 30, 29, 27, 26, 24, 23, 21, 20, 18, 17, 15, 14, 12, 11, 9, 8
        ]
    );
    let old = store.version(9).await.unwrap().unwrap();
    assert_eq!(old.account_id.as_deref(), Some("3"));
    assert_eq!(store.version(7).await.unwrap(), None);

    // Going back to it is a step forward.
    let guard = store.lock("state push").await.unwrap();
    let back = guard.push(old, true).await.unwrap();
    assert_eq!((back.serial, back.account_id.as_deref()), (37, Some("3")));
}

#[tokio::test]
async fn what_cannot_be_read_is_told_of_and_can_be_replaced() {
    let cloud = Cloud::start().await;
    let store = cloud.store("prod");
    let mut state = sample("prod");
    let guard = store.lock("deploy").await.unwrap();
    guard.save(&mut state).await.unwrap();
    guard.save(&mut state).await.unwrap();

    cloud
        .sql("DELETE FROM state_parts WHERE write_id = (SELECT write_id FROM states WHERE serial = 2)")
        .await;
    let error = store.load().await.unwrap_err();
    insta::assert_snapshot!(told(&error), @r"
    the state of stack `todo`, stage `prod` in the D1 database `tiny-state` cannot be read as the state of a stage: 0 of its 1 parts are there
      help: put an earlier one in its place (`tiny state pull --serial N`, then `tiny state push --force`), or rebuild it from the account: `tiny refresh --stage prod`
    ");
    let first = store.version(1).await.unwrap().unwrap();
    let refused = guard.push(first.clone(), false).await.unwrap_err();
    assert!(refused.is_unreadable(), "{refused}");
    let back = guard.push(first, true).await.unwrap();
    assert_eq!(back.serial, 3);
    assert_eq!(store.load().await.unwrap(), Some(back));

    cloud
        .sql("UPDATE state_parts SET text = substr(text, 1, 100)")
        .await;
    let error = store.load().await.unwrap_err();
    assert!(error.to_string().contains("EOF while parsing"), "{error}");
}

#[tokio::test]
async fn tables_of_a_newer_tiny_are_left_alone() {
    let cloud = Cloud::start().await;
    let store = cloud.store("prod");
    save(&store, &mut sample("prod")).await.unwrap();
    cloud.sql("UPDATE layout SET version = 3").await;
    let error = store.lock("deploy").await.unwrap_err();
    insta::assert_snapshot!(told(&error), @r"
    the state of stack `todo`, stage `prod` in the D1 database `tiny-state` was made by a newer tiny: its schema is 3, this one knows up to 1
      help: update tiny, at least to the version that the others use
    ");
}
