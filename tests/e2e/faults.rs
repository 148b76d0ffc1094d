//! `tiny deploy` and `tiny destroy`, broken at each request that they make: killed before and after
//! the server did the work, refused, cut off. Then the same command runs again, and the account is
//! exactly what it is after a run that nothing happened to.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use tokio::process::Command;

use crate::support::{Cloud, Tiny, account, signal, workspace_of_tests};

const STAGE: &str = "test";
/// How many cases at once: more than cores, since much of the time nothing but a process starts.
const LANES: usize = 3;
/// The same where most of the time is spent waiting for an answer that never comes.
const WAITING_LANES: usize = 6;

/// How long a request that hangs is waited for: longer than others take, even on a busy machine.
const HUNG_MS: &str = "2000";

/// What the stack becomes with its second deploy: something of each kind is changed, dropped and
/// added, and a class with its objects goes from one worker to the other.
const UPDATED: &[(&str, &str)] = &[
    ("GREETING = \"hello\"", "GREETING = \"hello again\""),
    ("crons = [\"0 4 * * *\"]", "crons = [\"0 5 * * *\"]"),
    ("example.com/api/*", "example.com/other/*"),
    ("domains = [\"whole.example.com\"]\n", ""),
    ("batch_size = 5", "batch_size = 6"),
    (
        "[workers.front.durable_objects]\nCOUNTER = \"Counter\"\n",
        "",
    ),
    (
        "[kv.values]\n",
        "[kv.values]\n[kv.more]\n[workers.back.bindings]\nMORE = { kv = \"more\" }\n\
         [workers.back.durable_objects]\n\
         COUNTER = { class = \"Counter\", transferred_from = \"front.Counter\" }\n",
    ),
    ("\"public\"", "\"../updated/public\""),
    ("\"migrations\"", "\"../updated/migrations\""),
];

/// A command whose requests are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    First,
    Update,
    Destroy,
}

impl Phase {
    const ALL: [Self; 3] = [Self::First, Self::Update, Self::Destroy];

    fn args(self) -> &'static [&'static str] {
        match self {
            Self::First | Self::Update => &[
                "deploy",
                "--stage",
                STAGE,
                "--yes",
                "--allow-data-loss",
                "--no-smoke",
            ],
            Self::Destroy => &["destroy", "--stage", STAGE, "--yes"],
        }
    }
}

/// A folder with the manifest and what is recorded, and how to run `tiny` in it.
struct Lane {
    name: String,
    tiny: Tiny,
}

impl Lane {
    fn new(name: &str) -> Self {
        // All of them build the same copy of the code.
        static COPYING: Mutex<()> = Mutex::new(());
        let _copying = COPYING.lock().unwrap();
        let tiny = Tiny::whole("faults").within(&format!("../lane-{name}"));
        let lane = Self {
            name: format!("faults-{name}"),
            tiny: tiny.env("TINY_RETRY_PAUSE_MS", "2"),
        };
        fs_err::create_dir_all(lane.root()).unwrap();
        let updated = lane.root().join("../updated");
        for folder in ["public", "migrations"] {
            copy(
                &lane.root().join("../whole").join(folder),
                &updated.join(folder),
            );
        }
        fs_err::write(updated.join("public/new.txt"), "a new file\n").unwrap();
        fs_err::write(
            updated.join("migrations/0003_index.sql"),
            "create index notes_by_text on notes (text);\n",
        )
        .unwrap();
        fs_err::write(lane.root().join(".env.test"), "TOKEN=of-the-tests\n").unwrap();
        lane
    }

    fn root(&self) -> &Utf8Path {
        self.tiny.root()
    }

    /// Puts it into the state that a phase starts from.
    fn prepare(&self, phase: Phase, snapshot: &Snapshot) {
        let whole = fs_err::read_to_string(self.root().join("../whole/tiny.toml")).unwrap();
        let mut manifest = whole;
        if phase == Phase::Update {
            for (from, to) in UPDATED {
                assert!(manifest.contains(from), "no {from} in the manifest");
                manifest = manifest.replace(from, to);
            }
        }
        let manifest = manifest
            .replace("crate = \".\"", "crate = \"../whole\"")
            .replace("\"public\"", "\"../whole/public\"")
            .replace("\"migrations\"", "\"../whole/migrations\"");
        fs_err::write(self.root().join("tiny.toml"), manifest).unwrap();
        let recorded = self.root().join(".tiny");
        let _ = fs_err::remove_dir_all(&recorded);
        if let Some(record) = &snapshot.record {
            copy(record, &recorded);
        }
    }

    fn command(&self, phase: Phase, cloud: &Cloud) -> Command {
        let mut command = Command::from(self.tiny.command(phase.args()));
        command
            .envs(cloud.env())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs to the end; answers the exit code and what was said.
    async fn run(&self, phase: Phase, cloud: &Cloud) -> (Option<i32>, String) {
        Self::ended(self.command(phase, cloud)).await
    }

    async fn ended(mut command: Command) -> (Option<i32>, String) {
        let output = command.output().await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    async fn cloud(&self, snapshot: &Snapshot) -> Cloud {
        Cloud::start_on_copy(&self.name, &snapshot.cloud, &["--no-rate-limit"]).await
    }
}

/// An account, and what is recorded of it.
#[derive(Clone)]
struct Snapshot {
    cloud: Utf8PathBuf,
    record: Option<Utf8PathBuf>,
}

/// What a phase is when nothing happens to it.
struct Clean {
    before: Snapshot,
    requests: u64,
    after: Value,
}

/// One thing that happens to one request.
#[derive(Debug, Clone)]
struct Case {
    phase: Phase,
    request: u64,
    action: &'static str,
    then: Then,
}

/// What becomes of the run to whose request something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It is killed at that moment.
    Killed,
    /// It is left to make the best of it.
    GoesOn,
}

/// How a case went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The first run went on to its end in spite of it.
    Withstood,
    /// The second run brought the account where it should be.
    Resumed,
    /// The run had fewer requests this time, and nothing happened to it.
    Unreached,
}

/// Runs each phase once with nothing in its way.
async fn clean(name: &str) -> BTreeMap<Phase, Clean> {
    let lane = Lane::new(&format!("{name}-clean"));
    let snapshots = workspace_of_tests().join(format!("faults-snapshots-{name}"));
    let _ = fs_err::remove_dir_all(&snapshots);
    // The code was started once on what the others begin with, as by an earlier deploy: starting
    // it again for each case would take most of the time.
    let mut snapshot = Snapshot {
        cloud: warmed(&lane, &snapshots).await,
        record: None,
    };
    let mut phases = BTreeMap::new();
    for phase in Phase::ALL {
        lane.prepare(phase, &snapshot);
        let cloud = lane.cloud(&snapshot).await;
        let (code, said) = lane.run(phase, &cloud).await;
        assert_eq!(code, Some(0), "{phase:?}: {said}");
        let (requests, _) = cloud.counts().await;
        let after = account(&cloud).await;
        // What is compared later must tell one phase from another.
        let classes: &[&str] = match phase {
            Phase::First => &["whole-test-front.Counter sqlite=true"],
            Phase::Update => &["whole-test-back.Counter sqlite=true"],
            Phase::Destroy => &[],
        };
        assert_eq!(after["classes"], serde_json::json!(classes), "{after:#}");
        let routes: &[&str] = match phase {
            Phase::First => &["example.com/api/* → whole-test-front"],
            Phase::Update => &["example.com/other/* → whole-test-front"],
            Phase::Destroy => &[],
        };
        assert_eq!(after["routes"], serde_json::json!(routes), "{after:#}");
        let stopped = cloud.stop().await;
        phases.insert(
            phase,
            Clean {
                before: snapshot.clone(),
                requests,
                after,
            },
        );
        if phase == Phase::First {
            let kept = snapshots.join("deployed");
            copy(&stopped, &kept.join("cloud"));
            copy(&lane.root().join(".tiny"), &kept.join("record"));
            snapshot = Snapshot {
                cloud: kept.join("cloud"),
                record: Some(kept.join("record")),
            };
        }
    }
    phases
}

/// An account with nothing in it, that has seen the code before.
async fn warmed(lane: &Lane, snapshots: &Utf8Path) -> Utf8PathBuf {
    let nothing = Snapshot {
        cloud: snapshots.join("none"),
        record: None,
    };
    lane.prepare(Phase::First, &nothing);
    let cloud = Cloud::start_with(&lane.name, &["--no-rate-limit"]).await;
    let empty = account(&cloud).await;
    for phase in [Phase::First, Phase::Destroy] {
        let (code, said) = lane.run(phase, &cloud).await;
        assert_eq!(code, Some(0), "{phase:?}: {said}");
    }
    assert_eq!(account(&cloud).await, empty, "a destroy leaves nothing");
    let kept = snapshots.join("empty");
    copy(&cloud.stop().await, &kept);
    kept
}

/// Lets it happen, runs again, and compares.
async fn happen(lane: &Lane, case: &Case, clean: &Clean) -> Outcome {
    lane.prepare(case.phase, &clean.before);
    let cloud = lane.cloud(&clean.before).await;
    let fault = format!("**#{}={}", case.request, case.action);
    cloud.break_requests(&[fault]).await;
    let outcome = if case.then == Then::Killed {
        let mut child = lane.command(case.phase, &cloud).spawn().unwrap();
        tokio::select! {
            () = cloud.struck() => {
                child.kill().await.unwrap();
                Outcome::Resumed
            }
            ended = child.wait() => {
                assert!(ended.unwrap().success(), "{case:?}: it failed by itself");
                Outcome::Unreached
            }
        }
    } else {
        let mut command = lane.command(case.phase, &cloud);
        if case.action.starts_with("hang") {
            command.env("TINY_ANSWER_MS", HUNG_MS);
        }
        let (code, said) = Lane::ended(command).await;
        let (_, struck) = cloud.counts().await;
        match code {
            Some(0) if struck == 0 => Outcome::Unreached,
            Some(0) => Outcome::Withstood,
            Some(1) => Outcome::Resumed,
            other => panic!("{case:?}: exit code {other:?}\n{said}"),
        }
    };
    cloud.mend().await;
    if outcome == Outcome::Resumed {
        let (code, said) = lane.run(case.phase, &cloud).await;
        assert_eq!(code, Some(0), "{case:?}: the run after it says\n{said}");
    }
    let after = account(&cloud).await;
    assert_eq!(
        after,
        clean.after,
        "{case:?}: the account is another one\n{}",
        differences("", &clean.after, &after).join("\n")
    );
    outcome
}

/// Where two accounts differ.
fn differences(at: &str, wanted: &Value, found: &Value) -> Vec<String> {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => wanted
            .keys()
            .chain(found.keys().filter(|key| !wanted.contains_key(*key)))
            .flat_map(|key| {
                let none = Value::Null;
                let (wanted, found) = (wanted.get(key), found.get(key));
                let at = format!("{at}.{key}");
                differences(&at, wanted.unwrap_or(&none), found.unwrap_or(&none))
            })
            .collect(),
        (wanted, found) if wanted == found => Vec::new(),
        (wanted, found) => vec![format!("{at}: {wanted} became {found}")],
    }
}

/// Every case of these actions, on some lanes at once.
async fn survive(name: &'static str, actions: &'static [&'static str], then: Then, lanes: usize) {
    let phases = Arc::new(clean(name).await);
    let mut cases = Vec::new();
    for (phase, clean) in phases.iter() {
        for request in 1..=clean.requests {
            for action in actions {
                cases.push(Case {
                    phase: *phase,
                    request,
                    action,
                    then,
                });
            }
        }
    }
    let total = cases.len();
    let queue = Arc::new(Mutex::new(cases));
    let lanes: Vec<_> = (0..lanes)
        .map(|lane| {
            let (queue, phases) = (Arc::clone(&queue), Arc::clone(&phases));
            tokio::spawn(async move {
                let lane = Lane::new(&format!("{name}-{lane}"));
                let mut outcomes = BTreeMap::<_, usize>::new();
                loop {
                    let Some(case) = queue.lock().unwrap().pop() else {
                        return outcomes;
                    };
                    let outcome = happen(&lane, &case, &phases[&case.phase]).await;
                    *outcomes
                        .entry((case.phase, case.action, outcome))
                        .or_default() += 1;
                }
            })
        })
        .collect();
    let mut outcomes = BTreeMap::<_, usize>::new();
    for lane in lanes {
        for (key, count) in lane.await.unwrap() {
            *outcomes.entry(key).or_default() += count;
        }
    }
    let mut unreached = 0;
    let told: Vec<String> = outcomes
        .iter()
        .map(|((phase, action, outcome), count)| {
            if *outcome == Outcome::Unreached {
                unreached += count;
            }
            format!("{phase:?} {action}: {count} {outcome:?}")
        })
        .collect();
    // Requests that run side by side may be one fewer in a run; a point that is hardly ever
    // reached proves nothing.
    assert!(unreached * 10 <= total, "{told:#?}");
    let counts: Vec<String> = phases
        .iter()
        .map(|(phase, clean)| format!("{phase:?} {} requests", clean.requests))
        .collect();
    #[expect(clippy::print_stderr, reason = "the counts are what this proves")]
    {
        eprintln!("{total} cases on {}: {told:#?}", counts.join(", "));
    }
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(entry.path(), &target);
        } else {
            fs_err::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_request_the_next_run_ends_where_a_clean_one_does() {
    let moments = &["hang-before", "hang-after"];
    survive("killed", moments, Then::Killed, LANES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_any_request_is_answered_the_account_ends_as_it_should() {
    let answers = &["429", "500", "drop-before", "drop-after"];
    survive("answered", answers, Then::GoesOn, LANES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_never_answered_holds_nothing_up() {
    let moments = &["hang-before", "hang-after"];
    survive("hung", moments, Then::GoesOn, WAITING_LANES).await;
}

/// Whether everything that was asked for only reads.
fn only_reads(cloud: &Cloud) -> bool {
    cloud
        .journal()
        .iter()
        .all(|request| request.method == "GET")
}

#[tokio::test]
async fn of_two_deploys_at_once_one_wins_and_the_other_names_it() {
    let lane = Lane::new("at-once");
    let nothing = Snapshot {
        cloud: Utf8PathBuf::new(),
        record: None,
    };
    lane.prepare(Phase::First, &nothing);
    let cloud = Cloud::start_with("at-once", &["--latency-ms", "1000"]).await;
    let mut first = lane.command(Phase::First, &cloud).spawn().unwrap();
    let pid = first.id().unwrap();
    while only_reads(&cloud) {
        assert!(first.try_wait().unwrap().is_none(), "it ended by itself");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // However long the others take, it is not done before.
    signal(pid, "STOP");
    let (code, said) = lane.run(Phase::First, &cloud).await;
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains(&format!("pid {pid}")), "{said}");
    let (code, said) = lane.run(Phase::Destroy, &cloud).await;
    assert_eq!(code, Some(5), "{said}");
    signal(pid, "CONT");
    assert!(first.wait().await.unwrap().success());
    assert!(
        !cloud
            .lacks("/workers/scripts/whole-test-front/settings")
            .await
    );
}

#[tokio::test]
async fn where_the_record_cannot_be_written_nothing_is_changed() {
    let lane = Lane::new("no-disk");
    let nothing = Snapshot {
        cloud: Utf8PathBuf::new(),
        record: None,
    };
    lane.prepare(Phase::First, &nothing);
    let cloud = Cloud::start("no-disk").await;

    // Nobody may write here, root neither.
    let folder = lane.root().join(".tiny");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join("state"), "not a folder").unwrap();
    let (code, said) = lane.run(Phase::First, &cloud).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(".tiny/state"), "{said}");
    assert!(only_reads(&cloud), "{:?}", cloud.journal());

    // A full disk: what is there stays, and no file gets a byte more.
    fs_err::remove_file(folder.join("state")).unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"trap "" XFSZ; ulimit -f 0; exec "$0" "$@""#])
        .arg(env!("CARGO_BIN_EXE_tiny"))
        .args(Phase::First.args())
        .current_dir(lane.root())
        .envs(cloud.env())
        .env("TINY_TARGET_DIR", workspace_of_tests().join("target"));
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(".tiny/state"), "{said}");
    assert!(only_reads(&cloud), "{:?}", cloud.journal());

    let (code, said) = lane.run(Phase::First, &cloud).await;
    assert_eq!(code, Some(0), "{said}");
}
