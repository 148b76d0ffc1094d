//! Order keys: texts that sort todos as people arranged them.
//!
//! A key is a fraction in base 62: its digits, `0-9A-Za-z`, compare as texts in the order of their
//! values. Between two keys there is always room for another one, and it is taken at random, so
//! that two people who put something in the same place at once get different keys.
//! `public/order.js` makes the same keys.
//!
//! What foreign clients write may be any text. It is rounded to what digits can say.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE: i64 = 62;
/// Digits of a key at an end of the list: room for a hundred million todos one after the other.
const HEAD: usize = 8;
/// How far todos lie apart that are put at an end one after the other; as much again at random.
const STEP: i64 = 1 << 20;
/// How many keys there must be between two for one of them to be taken at random.
const ROOM: i64 = 1 << 18;
/// Where the first todo of a list goes: in the middle.
const MIDDLE: &str = "V";

/// A key between these two, `None` being an end of the list.
///
/// Where no digits lie between (equal keys, keys in the wrong order, keys that no client of ours
/// writes), it is one that is only after `before`.
pub fn between(before: Option<&str>, after: Option<&str>, random: u64) -> String {
    let Some(bound) = after else {
        return self::after(before, random);
    };
    let low = Digits::not_below(before.unwrap_or_default());
    let high = Digits::not_above(bound);
    let mut digits = Vec::new();
    let mut gap = 0;
    while gap < ROOM || (before.is_none() && digits.len() < HEAD) {
        let at = digits.len();
        gap = gap * BASE + high.digit(at) - low.digit(at);
        digits.push(low.digit(at));
        // Beyond both texts a gap grows with each digit, unless there is none.
        if gap < 0 || at > low.given.len().max(high.given.len()) + HEAD {
            return self::after(before, random);
        }
    }
    let offset = if before.is_none() && gap > 4 * STEP {
        gap - STEP - below(STEP, random)
    } else {
        gap / 4 + below(gap / 2, random)
    };
    // No overflow: the sum is less than the digits of `high`.
    raise(&mut digits, offset);
    text(&digits)
}

/// A key after `last`; `None`: for the first todo of a list.
pub fn after(last: Option<&str>, random: u64) -> String {
    let last = last.unwrap_or(MIDDLE);
    let low = Digits::not_below(last);
    // Behind a head of nothing but the greatest digits there is more room further right.
    for length in (HEAD..=low.given.len() + HEAD).step_by(HEAD) {
        let mut digits: Vec<_> = (0..length).map(|at| low.digit(at)).collect();
        if !raise(&mut digits, STEP + below(STEP, random)) {
            return text(&digits);
        }
    }
    // No digit is greater than what it begins with, but whatever is longer is.
    last.to_owned() + &after(None, random)
}

/// A text as digits without end.
struct Digits {
    given: Vec<i64>,
    rest: i64,
}

impl Digits {
    /// The least that no key is above without being above `text`.
    fn not_below(text: &str) -> Self {
        Self::read(text, |smaller| match smaller {
            0 => (None, 0),
            _ => (Some(smaller - 1), BASE - 1),
        })
    }

    /// The greatest that no key is below without being below `text`.
    fn not_above(text: &str) -> Self {
        Self::read(text, |smaller| (Some(smaller), 0))
    }

    /// Ends at the first character that is no digit, as `foreign` says, knowing how many digits
    /// are smaller.
    fn read(text: &str, foreign: fn(i64) -> (Option<i64>, i64)) -> Self {
        let mut given = Vec::new();
        for char in text.chars() {
            let smaller = DIGITS
                .iter()
                .map(|digit| i64::from(char::from(*digit) < char))
                .sum();
            if char.is_ascii_alphanumeric() {
                given.push(smaller);
            } else {
                let (last, rest) = foreign(smaller);
                given.extend(last);
                return Self { given, rest };
            }
        }
        Self { given, rest: 0 }
    }

    fn digit(&self, at: usize) -> i64 {
        self.given.get(at).copied().unwrap_or(self.rest)
    }
}

fn below(bound: i64, random: u64) -> i64 {
    i64::try_from(random % bound.unsigned_abs()).unwrap_or_default()
}

/// Adds to the number that the digits are. Whether it has become too great for them.
fn raise(digits: &mut [i64], by: i64) -> bool {
    let mut carry = by;
    for digit in digits.iter_mut().rev() {
        let sum = *digit + carry;
        *digit = sum % BASE;
        carry = sum / BASE;
    }
    carry > 0
}

fn text(digits: &[i64]) -> String {
    let digit = |value: &i64| usize::try_from(*value).map_or('0', |at| char::from(DIGITS[at]));
    let text: String = digits.iter().map(digit).collect();
    // One spelling for each fraction, or there would be none between two.
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As JavaScript compares texts.
    fn precedes(one: &str, other: &str) -> bool {
        one.encode_utf16().lt(other.encode_utf16())
    }

    /// Keys as we make them.
    fn key() -> impl Strategy<Value = String> {
        "[0-9A-Za-z]{0,20}[1-9A-Za-z]"
    }

    /// Texts that lie close to keys and to each other.
    fn junk() -> impl Strategy<Value = String> {
        prop_oneof![".{0,6}", "[0Vz!:é𝄞]{0,12}", Just(String::new()), key()]
    }

    #[test]
    fn keys_are_these() {
        // Those of `public/order.js` too, which the browser tests compare.
        assert_eq!(after(None, 7), "V0004Omd");
        assert_eq!(after(Some("V0004Oml"), 12_345), "V0008qmO");
        assert_eq!(between(None, Some("V0004Oml"), 1), "V000000E");
        assert_eq!(between(Some("V0004Oml"), Some("V0008sa2"), 99), "V0005WGA");
        assert_eq!(between(Some("a"), Some("a1"), 99), "a0FV1b");
        assert_eq!(after(Some("zzzzzzzz"), 5), "zzzzzzzz00004Omb");
        assert_eq!(between(Some("!"), Some("€"), 5), "FV05");
        assert_eq!(after(Some("€"), 5), "€V0004Omb");
        assert_eq!(between(None, Some("0"), 5), "V0004Omb");
    }

    #[test]
    fn a_long_list_has_short_keys() {
        let mut last = None::<String>;
        let mut random = 1_u64;
        for _ in 0..200_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005) + 1;
            let next = after(last.as_deref(), random >> 20);
            assert!(last.is_none_or(|last| precedes(&last, &next)));
            assert!(next.len() <= HEAD, "{next}");
            last = Some(next);
        }
    }

    #[test]
    fn keys_grow_slowly_where_all_are_put_in_the_same_place() {
        let (first, mut next) = (after(None, 1), after(Some(&after(None, 1)), 2));
        for random in 0..600_u64 {
            next = between(Some(&first), Some(&next), random * 7_919);
        }
        assert!(next.len() < 140, "{} digits", next.len());
        let mut first = after(None, 1);
        for random in 0..10_000 {
            let earlier = between(None, Some(&first), random);
            assert!(precedes(&earlier, &first) && earlier.len() <= HEAD);
            first = earlier;
        }
    }

    #[test]
    fn two_people_get_different_keys() {
        let (one, two) = (after(None, 1), after(Some(&after(None, 1)), 2));
        let mut keys: Vec<_> = (0..1_000)
            .map(|random| between(Some(&one), Some(&two), random))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 1_000);
    }

    proptest! {
        #[test]
        fn a_key_lies_between_its_neighbours(one in key(), other in key(), random: u64) {
            prop_assume!(one != other);
            let (one, other) = if precedes(&one, &other) { (one, other) } else { (other, one) };
            let new = between(Some(&one), Some(&other), random);
            prop_assert!(precedes(&one, &new) && precedes(&new, &other), "{one} {new} {other}");
            let first = between(None, Some(&one), random);
            prop_assert!(precedes(&first, &one), "{first} {one}");
            let last = between(Some(&other), None, random);
            prop_assert!(precedes(&other, &last), "{other} {last}");
            for key in [new, first, last] {
                prop_assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
                prop_assert!(!key.is_empty() && !key.ends_with('0'));
            }
        }

        #[test]
        fn whatever_others_write_a_key_comes_after_what_it_is_put_behind(
            one in junk(),
            other in junk(),
            random: u64,
        ) {
            let new = between(Some(&one), Some(&other), random);
            prop_assert!(precedes(&one, &new), "{one:?} {new:?}");
            prop_assert!(precedes(&one, &after(Some(&one), random)));
            between(None, Some(&other), random);
        }

        #[test]
        fn between_foreign_texts_too_where_digits_lie_between(
            one in junk(),
            other in junk(),
            mark in key(),
            random: u64,
        ) {
            let room = format!("{mark}V");
            // Of random texts one in five has it.
            if !(precedes(&one, &mark) && precedes(&room, &other)) {
                return Ok(());
            }
            let new = between(Some(&one), Some(&other), random);
            prop_assert!(precedes(&one, &new) && precedes(&new, &other), "{one:?} {new} {other:?}");
        }
    }
}
