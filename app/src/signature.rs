//! Signed sessions: `<user>.<signature>`, the signature being the HMAC-SHA256 of the user id
//! under `SESSION_SECRET`, as base64url without padding.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub struct Signer {
    mac: Hmac<Sha256>,
}

impl Signer {
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "HMAC hashes keys that are longer than a block"
    )]
    pub fn new(secret: &str) -> Self {
        let mac = Hmac::new_from_slice(secret.as_bytes()).expect("a key of any length will do");
        Self { mac }
    }

    /// The token that proves to be `user`.
    pub fn sign(&self, user: &str) -> String {
        let mac = self.mac.clone().chain_update(user.as_bytes());
        format!("{user}.{}", base64url(&mac.finalize().into_bytes()))
    }

    /// The user whose token this is, if its signature holds.
    pub fn verify<'t>(&self, token: &'t str) -> Option<&'t str> {
        let (user, signature) = token.rsplit_once('.')?;
        let claimed = from_base64url(signature)?;
        let mac = self.mac.clone().chain_update(user.as_bytes());
        mac.verify_slice(&claimed).is_ok().then_some(user)
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..=chunk.len() {
            let digit = bits >> (18 - 6 * position) & 63;
            text.push(char::from(ALPHABET[usize::try_from(digit).unwrap_or(0)]));
        }
    }
    text
}

fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in text.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The second test case of RFC 4231.
    #[test]
    fn the_signature_is_hmac_sha256() {
        let token = Signer::new("Jefe").sign("what do ya want for nothing?");
        assert_eq!(
            token,
            "what do ya want for nothing?.W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM"
        );
    }

    proptest! {
        #[test]
        fn only_the_same_secret_verifies(user in ".{1,40}", secret in ".{0,90}", other in ".{0,90}") {
            let token = Signer::new(&secret).sign(&user);
            prop_assert_eq!(Signer::new(&secret).verify(&token), Some(user.as_str()));
            prop_assume!(secret.trim_end_matches('\0') != other.trim_end_matches('\0'));
            prop_assert_eq!(Signer::new(&other).verify(&token), None);
        }

        #[test]
        fn base64url_reads_what_it_wrote(bytes: Vec<u8>) {
            prop_assert_eq!(from_base64url(&base64url(&bytes)), Some(bytes));
        }

        #[test]
        fn no_token_makes_it_panic(token in ".*") {
            let _ = Signer::new("s").verify(&token);
        }
    }
}
