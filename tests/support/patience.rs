//! How long tests wait for what should be there soon. The machine may be compiling something for
//! another test, and where all is well nobody waits.

use std::time::Duration;

/// For the first build, with all that has to be fetched for it.
pub const FIRST_BUILD: Duration = Duration::from_mins(15);
/// For a build after an edit, or a program that does much.
pub const BUILD: Duration = Duration::from_mins(3);
/// For anything else.
pub const PATIENCE: Duration = Duration::from_mins(1);
