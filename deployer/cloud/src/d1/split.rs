//! Where one statement ends and the next begins, which only the one who reads quotes, comments
//! and the bodies of triggers can tell.

/// What a piece of SQL is to the reader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Semicolon,
    Space,
    Explain,
    Create,
    Temp,
    Trigger,
    End,
    Other,
}

/// How far into a statement the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Normal,
    Explain,
    Create,
    /// In a trigger, whose own semicolons end nothing …
    Trigger,
    /// … right behind one of which …
    TriggerSemicolon,
    /// … `END` and another one do.
    TriggerEnd,
}

impl State {
    fn after(self, token: Token) -> Self {
        match (self, token) {
            (state, Token::Space) => state,
            (Self::Trigger | Self::TriggerSemicolon, Token::Semicolon) => Self::TriggerSemicolon,
            (_, Token::Semicolon) => Self::Start,
            // `explain query plan create trigger`.
            (Self::Start, Token::Explain) | (Self::Explain, Token::Other) => Self::Explain,
            (Self::Start | Self::Explain, Token::Create) | (Self::Create, Token::Temp) => {
                Self::Create
            }
            (Self::TriggerSemicolon, Token::End) => Self::TriggerEnd,
            (Self::Create, Token::Trigger)
            | (Self::Trigger | Self::TriggerSemicolon | Self::TriggerEnd, _) => Self::Trigger,
            (Self::Start | Self::Normal | Self::Explain | Self::Create, _) => Self::Normal,
        }
    }
}

/// The statements of a text, each with its semicolon. What holds only space and comments is none.
pub(super) fn statements(sql: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut state = State::Start;
    let mut start = 0;
    let mut at = 0;
    let mut is_empty = true;
    while at < sql.len() {
        let (token, length) = next(&sql[at..]);
        at += length;
        is_empty &= matches!(token, Token::Space | Token::Semicolon);
        state = state.after(token);
        if token == Token::Semicolon && state == State::Start {
            if !is_empty {
                found.push(sql[start..at].trim());
            }
            start = at;
            is_empty = true;
        }
    }
    if !is_empty {
        found.push(sql[start..].trim());
    }
    found
}

/// The token that a text begins with, and how many bytes it has. The text is not empty.
fn next(sql: &str) -> (Token, usize) {
    let mut characters = sql.chars();
    let first = characters.next().unwrap_or_default();
    let second = characters.next();
    match (first, second) {
        (';', _) => (Token::Semicolon, 1),
        ('-', Some('-')) => (Token::Space, until(sql, "\n", 2)),
        ('/', Some('*')) => (Token::Space, until(sql, "*/", 2)),
        ('[', _) => (Token::Other, until(sql, "]", 1)),
        ('\'', _) => (Token::Other, until(sql, "'", 1)),
        ('"', _) => (Token::Other, until(sql, "\"", 1)),
        ('`', _) => (Token::Other, until(sql, "`", 1)),
        _ if first.is_ascii_whitespace() => (Token::Space, 1),
        _ if is_of_word(first) => {
            let length = sql
                .find(|character| !is_of_word(character))
                .unwrap_or(sql.len());
            (keyword(&sql[..length]), length)
        }
        _ => (Token::Other, first.len_utf8()),
    }
}

/// A doubled quote reads as two strings side by side, which ends at the same place.
fn until(sql: &str, end: &str, from: usize) -> usize {
    sql[from..]
        .find(end)
        .map_or(sql.len(), |at| from + at + end.len())
}

fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

fn keyword(word: &str) -> Token {
    match word.to_ascii_lowercase().as_str() {
        "explain" => Token::Explain,
        "create" => Token::Create,
        "temp" | "temporary" => Token::Temp,
        "trigger" => Token::Trigger,
        "end" => Token::End,
        _ => Token::Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statements_end_at_their_own_semicolons_only() {
        for (sql, expected) in [
            ("", vec![]),
            ("  ; -- nothing; at all\n ;/* ; */", vec![]),
            ("select 1", vec!["select 1"]),
            ("select 1; select ';';", vec!["select 1;", "select ';';"]),
            (
                "select 'it''s;'; select 2",
                vec!["select 'it''s;';", "select 2"],
            ),
            (
                "select [a;b], \"c;d\", `e;f` from t; select 2",
                vec!["select [a;b], \"c;d\", `e;f` from t;", "select 2"],
            ),
            (
                "create trigger t after insert on a begin update a set b = 1; end; select 1;",
                vec![
                    "create trigger t after insert on a begin update a set b = 1; end;",
                    "select 1;",
                ],
            ),
            (
                "CREATE TEMP TRIGGER t BEGIN SELECT CASE WHEN 1 THEN 2 END; END; SELECT 1",
                vec![
                    "CREATE TEMP TRIGGER t BEGIN SELECT CASE WHEN 1 THEN 2 END; END;",
                    "SELECT 1",
                ],
            ),
            (
                "create table trigger_end (a); insert into trigger_end values (1)",
                vec![
                    "create table trigger_end (a);",
                    "insert into trigger_end values (1)",
                ],
            ),
            ("select 'never closed; x", vec!["select 'never closed; x"]),
        ] {
            assert_eq!(statements(sql), expected, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_space_and_comments_is_lost(sql in "[a-z;'\"`\\[\\] \n(),*/ü-]{0,60}") {
            let joined: String = statements(&sql).concat();
            let kept = |text: &str| -> usize {
                let mut at = 0;
                let mut count = 0;
                while at < text.len() {
                    let (token, length) = next(&text[at..]);
                    at += length;
                    count += usize::from(!matches!(token, Token::Space | Token::Semicolon));
                }
                count
            };
            prop_assert_eq!(kept(&joined), kept(&sql));
        }
    }
}
