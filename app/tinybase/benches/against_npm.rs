//! The store beside npm's tinybase in node, on the same texts in the same run: `cargo bench -p
//! todo-tinybase`. Ratios are npm's time by ours; each is the best of a few rounds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints, and a panic is how it fails"
)]

#[path = "../tests/npm/mod.rs"]
#[allow(dead_code, reason = "only the installation is needed here")]
mod npm;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value as Json;
use tinybase::{Changes, Form, Record, Restore, Store, Value};

const TODOS: usize = 100_000;
const MISSING: usize = 10;
const ROUNDS: usize = 2;
const NOW: u64 = 1_764_000_000_000;
/// Argument that has this program measure its own memory.
const MEMORY: &str = "--memory";

fn id(at: usize) -> String {
    // As TinyBase's getUniqueId makes them, in length.
    format!("{:016x}", (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn add_todo(store: &mut Store, at: usize, now: u64) {
    let cells = vec![
        (
            "text",
            Value::text(&format!("buy {at} bottles of milk")).unwrap(),
        ),
        ("completed", Value::from(at.is_multiple_of(3))),
        ("created", Value::number((NOW + at as u64) as f64).unwrap()),
        ("order", Value::text(&format!("a{at}")).unwrap()),
    ];
    store.set_row("todos", &id(at), cells, now);
}

/// What happens to a store, as a message's body.
fn recorded(store: &mut Store, edit: impl FnOnce(&mut Store)) -> String {
    edit(store);
    let batch = store.commit();
    store.changes_json(&batch, Form::Encoded)
}

struct Texts {
    todos: String,
    others: String,
    edits: String,
    singles: Vec<String>,
    missing: String,
    content: String,
}

impl Texts {
    fn make() -> Self {
        let mut writer = Store::new("writer");
        let todos = recorded(&mut writer, |store| {
            (0..TODOS).for_each(|at| add_todo(store, at, NOW));
        });
        // Half of them known to the first store, and later.
        let others = recorded(&mut Store::new("other"), |store| {
            (TODOS / 2..TODOS * 3 / 2).for_each(|at| add_todo(store, at, NOW + 1));
        });
        let toggle = |store: &mut Store, at: usize| {
            store.set_cell(
                "todos",
                &id(at),
                "completed",
                Value::from(!at.is_multiple_of(3)),
                NOW + 2,
            );
        };
        let mut toggling = loaded("toggling", &[&todos]);
        let edits = recorded(&mut toggling, |store| {
            (0..TODOS).for_each(|at| toggle(store, at));
        });
        let mut toggling = loaded("toggling", &[&todos]);
        let singles = (0..TODOS)
            .map(|at| recorded(&mut toggling, |store| toggle(store, at)))
            .collect();
        let content = writer.content_json(Form::Plain);
        let missing = recorded(&mut writer, |store| {
            (TODOS..TODOS + MISSING).for_each(|at| add_todo(store, at, NOW + 3));
        });
        Self {
            todos,
            others,
            edits,
            singles,
            missing,
            content,
        }
    }
}

fn apply(store: &mut Store, json: &str) {
    let _ = store.apply(Changes::parse(json).unwrap(), NOW);
    let _ = store.commit();
}

fn loaded(id: &str, contents: &[&str]) -> Store {
    let mut store = Store::new(id);
    for content in contents {
        apply(&mut store, content);
    }
    store
}

/// Milliseconds of the quickest round.
fn best<T>(mut prepare: impl FnMut() -> T, mut run: impl FnMut(&mut T)) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let mut prepared = prepare();
        let start = Instant::now();
        run(&mut prepared);
        least = least.min(start.elapsed().as_secs_f64() * 1000.0);
    }
    least
}

/// The process's resident memory in bytes.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes
        .and_then(|kb| kb.parse::<f64>().ok())
        .unwrap_or(f64::NAN)
        * 1024.0
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-texts")
}

/// What the store of all todos takes, in a process of its own that did nothing before.
fn measure_memory() -> f64 {
    let own = std::env::current_exe().unwrap();
    let output = Command::new(own).arg(MEMORY).output().unwrap();
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap()
}

fn print_memory() {
    let todos = std::fs::read_to_string(folder().join("todos.json")).unwrap();
    let before = resident();
    let store = loaded("held", &[&todos]);
    println!("{}", resident() - before);
    assert_ne!(store.hashes()[0], 0);
}

fn measure_npm(texts: &Texts) -> Json {
    let folder = folder();
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in [
        ("todos.json", &texts.todos),
        ("others.json", &texts.others),
        ("edits.json", &texts.edits),
        ("missing.json", &texts.missing),
        ("content.json", &texts.content),
        ("singles.txt", &texts.singles.join("\n")),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let output = npm::node("bench.mjs")
        .arg(folder)
        .args([ROUNDS.to_string(), NOW.to_string()])
        .env("NODE_OPTIONS", "--max-old-space-size=4096")
        .stderr(Stdio::inherit())
        .output();
    let output = output.expect("the bench needs Node 20 or newer on PATH");
    serde_json::from_slice(&output.stdout).expect("bench.mjs prints JSON")
}

fn main() {
    if std::env::args().any(|arg| arg == MEMORY) {
        return print_memory();
    }
    let texts = Texts::make();
    let theirs = measure_npm(&texts);
    let npm = |what: &str| theirs[what].as_f64().unwrap();
    println!("{TODOS} todos of 4 cells              npm        ours    ratio");
    let line = |what: &str, unit: &str, npm: f64, ours: f64| {
        println!(
            "{what:<28} {npm:>9.2} {ours:>9.3} {unit:<2} {:>7.1} x",
            npm / ours
        );
    };

    let held = loaded("held", &[&texts.todos]);
    let memory = measure_memory();
    assert_eq!(
        serde_json::json!(held.hashes()),
        theirs["hashes"],
        "both hold the same"
    );
    line(
        "memory of the store",
        "MB",
        npm("memory") / 1e6,
        memory / 1e6,
    );

    let records: Vec<_> = held.records().collect();
    let restore = best(|| (), |()| drop(restored(&records)));
    assert_eq!(restored(&records).hashes(), held.hashes());
    line("restore what was persisted", "ms", npm("restore"), restore);

    let batch = best(
        || loaded("a", &[&texts.todos]),
        |store| apply(store, &texts.edits),
    );
    line("100 000 cells, one message", "ms", npm("batch"), batch);
    let singles = best(
        || loaded("a", &[&texts.todos]),
        |store| texts.singles.iter().for_each(|single| apply(store, single)),
    );
    line("100 000 cells, one each", "ms", npm("singles"), singles);

    let merge = best(
        || (loaded("a", &[&texts.todos]), loaded("b", &[&texts.others])),
        |(a, b)| {
            let (content_a, content_b) =
                (a.content_json(Form::Encoded), b.content_json(Form::Encoded));
            apply(b, &content_a);
            apply(a, &content_b);
            assert_eq!(a.hashes(), b.hashes());
        },
    );
    line("merge of two stores", "ms", npm("merge"), merge);

    // A client that lacks ten todos, with a server that remembers, and one that does not.
    let [client_hash, _] = held.hashes();
    let tables = client_tables(&held);
    for (what, remembers) in [
        ("connect, 10 missing", true),
        ("connect without marks", false),
    ] {
        let mut server = if remembers {
            loaded("server", &[&texts.todos, &texts.missing])
        } else {
            forgetful(&texts)
        };
        let mut questions = vec![format!("[\"a.1\",4,{tables}]")];
        if !remembers {
            questions.push(row_question(&held, &server));
        }
        assert_ne!(server.hashes()[0], client_hash);
        let mut bytes = 0;
        let diff = best(
            || (),
            |()| {
                bytes = 0;
                for question in &questions {
                    let received = server.receive(question, NOW).unwrap();
                    bytes += question.len() + received.replies[0].len();
                }
            },
        );
        line(what, "ms", npm("diff"), diff);
        line(
            "  on the wire",
            "kB",
            npm("bytes") / 1e3,
            bytes as f64 / 1e3,
        );
    }
}

/// `{"todos": hash}` as a client with this store asks.
fn client_tables(store: &Store) -> String {
    let [tables, values] = store.hashes();
    // A store asks for the tables of whoever announces other hashes.
    let announced = format!("[null,2,[{},{values}]]", tables ^ 1);
    let mut store = loaded("copy", &[&store.content_json(Form::Encoded)]);
    let question = store.receive(&announced, NOW).unwrap().replies.remove(0);
    body(&question)
}

/// What the client asks next when its table differs: the hashes of all its rows.
fn row_question(client: &Store, server: &Store) -> String {
    let mut client = loaded("copy", &[&client.content_json(Form::Encoded)]);
    let answer = format!("[\"pull.tables\",0,[[{{}}],{}]]", client_tables(server));
    let question = client.receive(&answer, NOW).unwrap().replies.remove(0);
    format!("[\"a.2\",5,{}]", body(&question))
}

fn body(question: &str) -> String {
    let start = question.find('{').expect("a question has hashes");
    question[start..question.len() - 1].to_owned()
}

fn restored(records: &[Record<'_>]) -> Store {
    let mut restore = Restore::new("server");
    for record in records {
        restore.record(record.place, &record.text).unwrap();
    }
    restore.finish()
}

/// A server that knows no hash of its past.
fn forgetful(texts: &Texts) -> Store {
    let store = loaded("server", &[&texts.todos, &texts.missing]);
    let records: Vec<_> = store.records().collect();
    restored(&records)
}
