//! Share links: what stands in one, who gets in by it, and the forms that make and end them.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::base64url;
use crate::hop::Ask;
use crate::identity::decode;
use crate::sheet::Right;

/// Links to one list.
pub const MOST: usize = 100;
/// Characters in the label of a link.
pub const LABEL: usize = 100;

const OBJECT: usize = 32;
const SECRET: usize = 16;
/// The longest name of a list in a link, in bytes.
const LIST: usize = 256;

/// What stands in a link: which object, which of its lists, and 128 random bits that let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The object's id in 64 hex digits. It says nothing of the object's name, which may be all
    /// that its owner proves to be the owner with.
    pub object: String,
    pub list: String,
    pub secret: [u8; SECRET],
}

impl Token {
    /// `None`: [`fmt::Display`] has not written this.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > (OBJECT + SECRET + LIST).div_ceil(3) * 4 {
            return None;
        }
        let bytes = base64url::decode(text)?;
        let (object, rest) = bytes.split_at_checked(OBJECT)?;
        let (secret, list) = rest.split_first_chunk()?;
        Some(Self {
            object: hex(object),
            list: String::from_utf8(list.to_vec()).ok()?,
            secret: *secret,
        })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.object.as_bytes().chunks(2);
        let bytes =
            digits.filter_map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
        let mut bytes: Vec<u8> = bytes.collect();
        bytes.extend(self.secret);
        bytes.extend(self.list.as_bytes());
        f.write_str(&base64url::encode(&bytes))
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

/// All that is kept of what stands in a link: whoever reads the object's data can't make the link
/// of it.
pub fn hash(token: &str) -> String {
    base64url::encode(&Sha256::digest(token.as_bytes()))
}

/// A link as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub id: String,
    pub right: Right,
    /// Milliseconds since 1970.
    pub created: u64,
    pub label: String,
}

/// What a visitor may do, and by which link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    pub right: Right,
    /// The id of the link.
    pub share: Option<String>,
}

/// Why a visitor is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no such link, or no longer.
    Link,
    /// The visitor was removed from the organisation.
    Removed,
    /// The organisation has no list of this name.
    NoList,
    /// The visitor may do less than what this takes.
    Right(Right),
}

impl Refused {
    pub fn status(self) -> u16 {
        match self {
            Self::NoList => 404,
            Self::Link | Self::Removed | Self::Right(_) => 403,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => {
                "This link does not work: it was revoked, or is not whole. \
                 Whoever shared the list can make another one."
            }
            Self::Removed => "You were removed from this organisation.",
            Self::NoList => "The organisation has no list of this name.",
            Self::Right(Right::Own) => "Only the owner of this list may do this.",
            Self::Right(_) => "You may read this list, not change it.",
        })
    }
}

impl Admitted {
    /// Whether this is enough to ask that.
    pub fn to(self, ask: Ask) -> Result<Self, Refused> {
        if self.right >= ask.needs() {
            Ok(self)
        } else {
            Err(Refused::Right(ask.needs()))
        }
    }
}

/// The names that a right has in forms and JSON, of those that a link can give.
pub fn right_name(right: Right) -> &'static str {
    match right {
        Right::Read => "read",
        Right::Write | Right::Own => "write",
    }
}

/// What the owner posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    Create { right: Right, label: String },
    Revoke { id: String },
}

/// Reads the owner's form, or says what is wrong with it.
pub fn order(form: &str) -> Result<Order, &'static str> {
    let (mut action, mut right, mut label, mut id) = Default::default();
    for (name, value) in form.split('&').filter_map(|pair| pair.split_once('=')) {
        let field: &mut String = match name {
            "action" => &mut action,
            "right" => &mut right,
            "label" => &mut label,
            "id" => &mut id,
            _ => continue,
        };
        *field = decode(value).ok_or("The form is not UTF-8.")?;
    }
    match action.as_str() {
        "create" => {
            let right = match right.as_str() {
                "read" => Right::Read,
                "write" => Right::Write,
                _ => return Err("The right of a link is read or write."),
            };
            let label = label.trim().to_owned();
            if label.chars().count() > LABEL || label.chars().any(char::is_control) {
                return Err("A label has at most 100 characters and no control characters.");
            }
            Ok(Order::Create { right, label })
        }
        "revoke" if !id.is_empty() => Ok(Order::Revoke { id }),
        "revoke" => Err("The form lacks the id of the link."),
        _ => Err("The form's action is none of create, revoke."),
    }
}

/// `{"shares":[{"id","right","created","label"},…]}`
pub fn to_json(shares: &[Share]) -> serde_json::Value {
    let shares: Vec<_> = shares
        .iter()
        .map(|share| {
            serde_json::json!({
                "id": share.id,
                "right": right_name(share.right),
                "created": share.created,
                "label": share.label,
            })
        })
        .collect();
    serde_json::json!({ "shares": shares })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(right: Right) -> Share {
        Share {
            id: "s1".into(),
            right,
            created: 1_764_000_000_000,
            label: "for \"Bob\"".into(),
        }
    }

    #[test]
    fn a_link_is_short_and_says_nothing_of_its_owner() {
        let token = Token {
            object: "0a".repeat(32),
            list: String::new(),
            secret: [7; SECRET],
        };
        let text = token.to_string();
        assert_eq!(text.len(), 64);
        assert_eq!(Token::read(&text), Some(token));
    }

    #[test]
    fn what_is_cut_or_made_up_is_no_link() {
        for text in [
            "",
            "abc",
            &"A".repeat(63),
            &"=".repeat(64),
            &"A".repeat(500),
        ] {
            assert_eq!(Token::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_right_is_enough_for_some_and_not_for_more() {
        let with = |right| Admitted { right, share: None };
        for (ask, least) in [
            (Ask::Page, Right::Read),
            (Ask::Sync, Right::Read),
            (Ask::Export, Right::Read),
            (Ask::Form, Right::Write),
            (Ask::Import, Right::Write),
            (Ask::Shares, Right::Own),
            (Ask::Share, Right::Own),
        ] {
            for right in [Right::Read, Right::Write, Right::Own] {
                let expected = if right >= least {
                    Ok(with(right))
                } else {
                    Err(Refused::Right(least))
                };
                assert_eq!(with(right).to(ask), expected, "{ask:?} with {right:?}");
            }
        }
    }

    #[test]
    fn only_a_hash_of_a_link_is_kept() {
        assert_eq!(hash("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }

    #[test]
    fn the_owner_makes_links_and_revokes_them() {
        assert_eq!(
            order("action=create&right=write&label=+for+Bob+"),
            Ok(Order::Create {
                right: Right::Write,
                label: "for Bob".into()
            })
        );
        assert_eq!(
            order("action=revoke&id=s1"),
            Ok(Order::Revoke { id: "s1".into() })
        );
        for form in [
            "",
            "action=fly",
            "action=create",
            "action=create&right=own",
            "action=create&right=read&label=%00",
            "action=create&right=read&label=%ff",
            &format!("action=create&right=read&label={}", "x".repeat(101)),
            "action=revoke",
        ] {
            assert!(order(form).is_err(), "{form}");
        }
    }

    #[test]
    fn the_list_of_links_is_json() {
        assert_eq!(to_json(&[]).to_string(), r#"{"shares":[]}"#);
        let json = to_json(&[share(Right::Write)]);
        assert_eq!(
            json["shares"][0],
            serde_json::json!({
                "id": "s1", "right": "write", "created": 1_764_000_000_000_u64, "label": "for \"Bob\"",
            })
        );
    }

    proptest! {
        #[test]
        fn a_link_is_read_back(object: [u8; 32], secret: [u8; 16], list in ".{0,20}") {
            let object = hex(&object);
            let token = Token { object, list, secret };
            prop_assert_eq!(Token::read(&token.to_string()), Some(token));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = Token::read(&text);
            let _ = order(&text);
        }
    }
}
