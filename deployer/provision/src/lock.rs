//! A file lock shared by every tiny on this machine that uses one cache folder.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::time::Duration;

use camino::Utf8Path;

use crate::error::ProvisionError;
use crate::progress::Task;

/// Held as long as this lives. The kernel lets go of it when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Waits for the lock at `path`, telling `task` who has it meanwhile.
    pub(crate) async fn acquire(
        path: &Utf8Path,
        task: &mut dyn Task,
    ) -> Result<Self, ProvisionError> {
        let failed = |what| {
            move |source| ProvisionError::Io {
                what,
                path: path.to_owned(),
                source,
            }
        };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed("open"))?;
        let mut pause = Duration::from_millis(5);
        let mut told = String::new();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let holder = read_holder(&mut file);
                    if holder != told {
                        task.say(&format!("waiting for {holder}"));
                        told = holder;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(100));
                }
                Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
            }
        }
        // Who holds it is for people to read; that it cannot be noted stops nobody.
        let _ = write_holder(&mut file);
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let program = Utf8Path::new(&program).file_name().unwrap_or("tiny");
    let command = arguments.fold(program.to_owned(), |text, next| text + " " + &next);
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "`{command}` (pid {})", std::process::id())
}

fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match read {
        Ok(_) if !text.is_empty() => text,
        _ => "another tiny".to_owned(),
    }
}
