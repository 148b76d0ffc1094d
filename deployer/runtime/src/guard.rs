//! Ties the life of a program to that of its parent.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// The variable that tells the guarded program's parent.
pub(crate) const PARENT: &str = "TINY_PARENT";

/// Becomes the program that the arguments name, first asking the kernel to kill it together with
/// its parent. Returns only where that fails.
///
/// A step of its own, because it has to happen in the child, between fork and exec, where a
/// program with threads can do next to nothing safely.
pub fn spawn_guarded(mut args: impl Iterator<Item = OsString>) -> io::Error {
    let Some(program) = args.next() else {
        return io::Error::other("no program was named");
    };
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
            return error.into();
        }
        // It may have died before the kernel knew.
        let parent = getppid().map(|pid| pid.as_raw_nonzero().get().to_string());
        let expected = std::env::var(PARENT).ok();
        if expected.is_some() && parent != expected {
            return io::Error::other("the parent has ended");
        }
    }
    Command::new(program).args(args).env_remove(PARENT).exec()
}
