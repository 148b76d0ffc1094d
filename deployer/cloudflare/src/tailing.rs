//! Follows a worker's logs: opens a tail, reads its WebSocket, and opens another one when it
//! breaks. In comes a worker's name, out comes what happened; `tiny logs` shows it.

mod event;
mod socket;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::account::Account;
use crate::error::CloudflareError;
use crate::products::{Tail, TailFilter};
use socket::Socket;

pub use event::{LogLine, TailEvent, TailException, Trigger, WebSocketPart};

/// Before each attempt to open another tail; the last one again and again.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 16];
/// A connection that held this long was a good one: the pauses start over.
const HELD: Duration = Duration::from_secs(30);

/// What comes of following a worker.
#[derive(Debug)]
pub enum Followed {
    /// From here on nothing is missed.
    Connected,
    Event(Box<TailEvent>),
    /// The connection broke; events are missed until the next [`Followed::Connected`].
    Lost {
        why: String,
        pause: Duration,
    },
    /// It cannot go on; nothing comes after it.
    Ended(CloudflareError),
}

/// A worker that is followed. Dropped without [`Follow::close`], the tail ends by itself some time
/// later.
pub struct Follow {
    followed: mpsc::UnboundedReceiver<Followed>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Follow {
    /// The next thing that happened. None after [`Followed::Ended`].
    pub async fn next(&mut self) -> Option<Followed> {
        self.followed.recv().await
    }

    /// Hangs up and deletes the tail.
    pub async fn close(self) {
        // The task may have ended already.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

impl Account {
    /// Follows the logs of a worker. The filters' order does not matter; all must match.
    pub fn follow(&self, script: &str, filters: Vec<TailFilter>) -> Follow {
        let (sender, followed) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(follow(
            self.clone(),
            script.to_owned(),
            filters,
            sender,
            stopped,
        ));
        Follow {
            followed,
            stop,
            task,
        }
    }
}

async fn follow(
    account: Account,
    script: String,
    filters: Vec<TailFilter>,
    tell: mpsc::UnboundedSender<Followed>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut failures = 0;
    loop {
        let opened = tokio::select! {
            opened = account.create_tail(&script, &filters) => opened,
            _ = &mut stopped => return,
        };
        let started = Instant::now();
        let why = match opened {
            Ok(tail) => {
                let listened = tokio::select! {
                    why = listen(&account, &tail, &tell) => Some(why),
                    _ = &mut stopped => None,
                };
                // One that is left behind ends by itself, but counts against the worker's limit
                // until then.
                let _ = account.delete_tail(&script, &tail.id).await;
                match listened {
                    Some(why) => why,
                    None => return,
                }
            }
            // What was refused will be refused again.
            Err(error) if error.refusal().is_some() => {
                let _ = tell.send(Followed::Ended(error));
                return;
            }
            Err(error) => error.to_string(),
        };
        if started.elapsed() >= HELD {
            failures = 0;
        }
        let pause = Duration::from_secs(PAUSES[failures.min(PAUSES.len() - 1)]);
        failures += 1;
        if tell.send(Followed::Lost { why, pause }).is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = &mut stopped => return,
        }
    }
}

/// Hands on what a tail sends; gives the reason why it ended.
async fn listen(account: &Account, tail: &Tail, tell: &mpsc::UnboundedSender<Followed>) -> String {
    let mut socket = match Socket::open(account.transport.http(), &tail.url).await {
        Ok(socket) => socket,
        Err(why) => return why,
    };
    let _ = tell.send(Followed::Connected);
    loop {
        match socket.next().await {
            Ok(message) => {
                let event = TailEvent::parse(&message);
                if tell.send(Followed::Event(Box::new(event))).is_err() {
                    return "nobody listens".to_owned();
                }
            }
            Err(why) => return why,
        }
    }
}
