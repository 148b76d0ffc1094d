//! The start of new code, which may take for ever.

use std::time::Duration;

use tiny_runtime::{Prepared, RuntimeError};

use super::Session;
use crate::event::DevEvent;

/// Code starts in tens of milliseconds. From here on the user is told, and a change counts for more.
const SLOW: Duration = Duration::from_secs(5);

/// Why new code does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(
        "it had not started when the next change came: code outside the handlers may be in an \
         endless loop"
    )]
    Overtaken,
    #[error("there is no runtime")]
    NoRuntime,
}

impl Session<'_> {
    /// Lets `prepared` take over from what runs. A start that takes long is given up for the next
    /// change.
    pub(super) async fn start(&mut self, prepared: Prepared) -> Result<Duration, StartError> {
        let Some(runtime) = &mut self.runtime else {
            return Err(StartError::NoRuntime);
        };
        let (listener, handled) = (self.listener, self.changes_handled);
        let mut seen = self.changes_seen.clone();
        let overtaken = async {
            tokio::time::sleep(SLOW).await;
            listener(DevEvent::Note {
                message: format!(
                    "the new code has been starting for {} s; a change gives it up",
                    SLOW.as_secs()
                ),
            });
            if seen.wait_for(|seen| *seen > handled).await.is_err() {
                // No more changes: the session is about to end.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            started = runtime.swap(prepared) => Ok(started?),
            () = overtaken => Err(StartError::Overtaken),
        }
    }
}
