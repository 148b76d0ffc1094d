//! FNV-1a over UTF-8, 32 bits: the one hash that TinyBase knows.

/// The hash of a text, as TinyBase computes it for ids, clocks and stamps.
pub fn hash(text: &str) -> u32 {
    Fnv::START.bytes(text.as_bytes()).0
}

/// A hash under way.
#[derive(Clone, Copy)]
pub(crate) struct Fnv(pub(crate) u32);

impl Fnv {
    pub(crate) const START: Self = Self(2_166_136_261);

    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let mut state = self.0;
        for byte in bytes {
            state = (state ^ u32::from(*byte)).wrapping_mul(16_777_619);
        }
        Self(state)
    }
}

/// A child's part in its parent's hash is `hash("<id>:<child's hash>")`. The seed is that hash
/// after the colon, kept so that an edit costs only the digits.
pub(crate) fn seed(id: &str) -> u32 {
    Fnv::START.bytes(id.as_bytes()).bytes(b":").0
}

/// What a child with this seed and hash puts into its parent's hash.
pub(crate) fn share(seed: u32, hash: u32) -> u32 {
    let mut digits = [0; 10];
    let mut at = digits.len();
    let mut rest = hash;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return Fnv(seed).bytes(&digits[at..]).0;
        }
    }
}

/// How a parent's hash changes when the hash of a row or table in it does. A child whose hash was
/// 0 counts as not there yet: that is TinyBase's rule for rows and tables (not for cells).
pub(crate) fn replace_share(seed: u32, old: u32, new: u32) -> u32 {
    if old == new {
        return 0;
    }
    let before = if old == 0 { 0 } else { share(seed, old) };
    before ^ share(seed, new)
}
