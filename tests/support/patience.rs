//! How long tests wait for what should be there soon. The machine may be compiling something for
//! another test, and where all is well nobody waits.

use std::time::{Duration, SystemTime};

/// For the first build, with all that has to be fetched for it.
pub const FIRST_BUILD: Duration = Duration::from_mins(15);
/// For a build after an edit, or a program that does much.
pub const BUILD: Duration = Duration::from_mins(3);
/// For anything else.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What all falls into one minute, for which rate limits count; again when another one, in which as
/// much is allowed, began in the middle. Each attempt has a number of its own.
pub async fn within_one_minute<T>(attempt: impl AsyncFn(u8) -> T) -> T {
    let minute = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 60;
    for number in 1.. {
        let began = minute();
        let outcome = attempt(number).await;
        if minute() == began {
            return outcome;
        }
    }
    unreachable!("some minute is long enough");
}
