//! What tiny runs of itself, for itself.

use std::process::ExitCode;

/// The commands that no user types; `None` when this is none of them. Looked at before anything
/// else is set up, because edits and workerd's start wait for them.
pub(crate) fn dispatch() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let failure = match args.next()?.to_str()? {
        "__spawn" => format!(
            "cannot start the runtime: {}",
            tiny_runtime::spawn_guarded(args)
        ),
        "__wasm-bindgen" => match tiny_builder::bindgen_main(args) {
            Ok(()) => return Some(ExitCode::SUCCESS),
            Err(error) => error.to_string(),
        },
        _ => return None,
    };
    anstream::eprintln!("{failure}");
    Some(ExitCode::FAILURE)
}
