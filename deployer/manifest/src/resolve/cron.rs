//! Cron patterns as Cloudflare reads them: five fields, weekdays from 1 = Sunday, with `L`, `W` and `#`.

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};

use crate::reader::At;
use crate::report::Report;

const FIELDS: usize = 5;
const EXAMPLE: &str = "minute, hour, day, month, weekday (1 = Sunday), such as `0 4 * * *`";

/// Reports a pattern that Cloudflare would refuse.
pub(super) fn check(cron: &At<String>, report: &mut Report) {
    if let Err(why) = parse(&cron.value) {
        report.problem(
            cron.span,
            format!("`{}` is not a cron pattern: {why}", cron.value),
            "not a pattern",
            EXAMPLE.to_owned(),
        );
    }
}

fn parse(pattern: &str) -> Result<(), String> {
    let fields: Vec<&str> = pattern.split_whitespace().collect();
    match fields.len() {
        _ if pattern.starts_with('@') => {
            return Err("nicknames are not known on Cloudflare".to_owned());
        }
        FIELDS => {}
        1 => return Err("it has 1 field".to_owned()),
        count => return Err(format!("it has {count} fields")),
    }
    if pattern.contains(['?', '+']) {
        return Err("`?` and `+` are not known on Cloudflare".to_owned());
    }
    if fields[FIELDS - 1]
        .split([',', '-'])
        .any(|weekday| weekday == "0")
    {
        return Err("weekdays count from 1 = Sunday".to_owned());
    }
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .alternative_weekdays(true)
        .build();
    parser.parse(pattern).map(|_| ()).map_err(|error| {
        let why = match error {
            CronError::ComponentError(why) | CronError::IllegalCharacters(why) => why,
            other => other.to_string(),
        };
        why.to_lowercase().trim_end_matches('.').to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn cloudflares_own_examples_are_taken() {
        for pattern in [
            "* * * * *",
            "*/30 * * * *",
            "45 * * * *",
            "0 17 * * sun",
            "10 7 * * mon-fri",
            "0 15 1 * *",
            "0 18 * * 6L",
            "59 23 LW * *",
            "0 0 * * 2#1",
            "0 0 15W * *",
            "0 0 L * *",
        ] {
            assert_eq!(parse(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn what_cloudflare_would_refuse_is_refused() {
        for pattern in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 0",
            "@daily",
            "0 0 ? * *",
            "a b c d e",
        ] {
            assert!(parse(pattern).is_err(), "{pattern}");
        }
    }
}
