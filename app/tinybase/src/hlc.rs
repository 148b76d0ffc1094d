//! Hybrid logical clocks: the 16-character stamps of TinyBase, packed into 12 bytes.

use std::fmt;

use crate::fnv::{Fnv, hash};

const ALPHABET: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const COUNTER_BITS: u32 = 24;
const CLIENT_BITS: u32 = 30;
const CLIENT_MASK: u32 = (1 << CLIENT_BITS) - 1;
pub(crate) const MAX_COUNTER: u32 = (1 << COUNTER_BITS) - 1;
/// The latest time that fits, in milliseconds since 1970: the year 2109.
const MAX_TIME: u64 = (1 << 42) - 1;
/// How far ahead of the wall clock a remote stamp may be and still move TinyBase's own clock.
const MAX_SEEN_AHEAD_MS: u64 = 5 * 60 * 1000;

/// What each byte stands for, or [`NO_DIGIT`].
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < ALPHABET.len() {
        digits[ALPHABET[digit] as usize] = digit as u8;
        digit += 1;
    }
    digits
};
const NO_DIGIT: u8 = 64;

/// The 48 bits of eight digits.
fn read_half(text: &[u8]) -> Result<u64, BadClock> {
    let (mut bits, mut all) = (0, 0);
    for byte in text {
        let digit = DIGITS[usize::from(*byte)];
        all |= digit;
        bits = bits << 6 | u64::from(digit);
    }
    if all & NO_DIGIT > 0 {
        return Err(BadClock);
    }
    Ok(bits)
}

/// A stamp: 42 bits of milliseconds since 1970, 24 of counter, 30 of client. Stamps compare as
/// their texts do. The default is [`Hlc::NONE`], which is older than all and written as "".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hlc([u32; 3]);

/// A text that is neither empty nor 16 characters of the alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a clock: it takes 16 characters of [-0-9A-Z_a-z], not all `-`")]
pub struct BadClock;

impl Hlc {
    /// No clock: what default content has, and maps normally.
    pub const NONE: Self = Self([0; 3]);

    /// The stamp with these parts; time and counter are cut to their bits.
    pub fn new(time: u64, counter: u32, client: u32) -> Self {
        let time = u128::from(time & MAX_TIME) << (COUNTER_BITS + CLIENT_BITS);
        let counter = u128::from(counter & MAX_COUNTER) << CLIENT_BITS;
        Self::from_bits(time | counter | u128::from(client & CLIENT_MASK))
    }

    /// Reads the 16 characters, or the empty text as [`Hlc::NONE`]. Sixteen times `-` would be
    /// the first client at the start of 1970 and is refused, so that zero can mean none.
    pub fn parse(text: &str) -> Result<Self, BadClock> {
        if text.is_empty() {
            return Ok(Self::NONE);
        }
        if text.len() != 16 {
            return Err(BadClock);
        }
        let (high, low) = text.as_bytes().split_at(8);
        match (read_half(high)?, read_half(low)?) {
            (0, 0) => Err(BadClock),
            (high, low) => Ok(Self([
                (high >> 16) as u32,
                (high << 16) as u32 | (low >> 32) as u32,
                low as u32,
            ])),
        }
    }

    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Milliseconds since 1970.
    pub fn time(self) -> u64 {
        (self.bits() >> (COUNTER_BITS + CLIENT_BITS)) as u64
    }

    pub fn counter(self) -> u32 {
        (self.bits() >> CLIENT_BITS) as u32 & MAX_COUNTER
    }

    /// The client's 30 bits.
    pub fn client(self) -> u32 {
        self.0[2] & CLIENT_MASK
    }

    /// The text's bytes; empty for none.
    pub(crate) fn write(self, buffer: &mut [u8; 16]) -> &str {
        std::str::from_utf8(self.spell(buffer)).unwrap_or_default()
    }

    fn spell(self, buffer: &mut [u8; 16]) -> &[u8] {
        if self.is_none() {
            return &[];
        }
        let [high, middle, low] = self.0.map(u64::from);
        let halves = [high << 16 | middle >> 16, (middle & 0xffff) << 32 | low];
        for (half, mut bits) in buffer.chunks_exact_mut(8).zip(halves) {
            for place in half.iter_mut().rev() {
                *place = ALPHABET[(bits & 63) as usize];
                bits >>= 6;
            }
        }
        buffer
    }

    pub(crate) fn hash_into(self, state: Fnv) -> Fnv {
        state.bytes(self.spell(&mut [0; 16]))
    }

    fn bits(self) -> u128 {
        let [high, middle, low] = self.0.map(u128::from);
        high << 64 | middle << 32 | low
    }

    fn from_bits(bits: u128) -> Self {
        Self([(bits >> 64) as u32, (bits >> 32) as u32, bits as u32])
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write(&mut [0; 16]))
    }
}

/// The client part of the stamps of a store with this unique id.
pub fn client_of(unique_id: &str) -> u32 {
    hash(unique_id) & CLIENT_MASK
}

/// One participant's clock. The wall clock is a parameter: milliseconds since 1970.
#[derive(Clone, Debug)]
pub struct Clock {
    time: u64,
    /// Of the last stamp; nothing when there was none at this time.
    counter: Option<u32>,
    client: u32,
}

impl Clock {
    pub fn new(unique_id: &str) -> Self {
        Self {
            time: 0,
            counter: None,
            client: client_of(unique_id),
        }
    }

    pub(crate) fn client(&self) -> u32 {
        self.client
    }

    /// A stamp greater than all that were given or seen.
    pub fn next(&mut self, now: u64) -> Hlc {
        self.advance(0, 0, now);
        let mut counter = self.counter.map_or(0, |last| last + 1);
        if counter > MAX_COUNTER {
            self.time += 1;
            counter = 0;
        }
        self.counter = Some(counter);
        Hlc::new(self.time, counter, self.client)
    }

    /// Takes note of somebody else's stamp. Five minutes ahead and more are ignored, as TinyBase
    /// does; what a store takes in at all is bounded closer (`MAX_AHEAD_MS`).
    pub fn seen(&mut self, remote: Hlc, now: u64) {
        if remote.time() <= now + MAX_SEEN_AHEAD_MS {
            self.advance(remote.time(), remote.counter(), now);
        }
    }

    /// Takes note of a stamp that the store already holds, wherever the wall clock is now.
    pub(crate) fn held(&mut self, stamp: Hlc) {
        self.advance(stamp.time(), stamp.counter(), 0);
    }

    fn advance(&mut self, remote_time: u64, remote_counter: u32, now: u64) {
        let time = self.time.max(remote_time).max(now);
        self.counter = match (time == self.time, time == remote_time) {
            (true, true) => self.counter.max(Some(remote_counter)),
            (true, false) => self.counter,
            (false, true) => Some(remote_counter),
            (false, false) => None,
        };
        self.time = time;
    }
}
