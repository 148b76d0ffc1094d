//! What tiny runs of itself, for itself.

use std::process::ExitCode;

/// The commands that no user types; `None` when this is none of them. Looked at before anything
/// else is set up, because workerd's start waits for it.
pub(crate) fn dispatch() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != "__spawn" {
        return None;
    }
    let error = tiny_runtime::spawn_guarded(args);
    anstream::eprintln!("cannot start the runtime: {error}");
    Some(ExitCode::FAILURE)
}
