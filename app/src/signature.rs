//! HMAC-SHA256 under a secret: what only those can make who know it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A secret, made ready once for all signatures.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "HMAC hashes keys that are longer than a block"
    )]
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("a key of any length will do"))
    }

    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        let mac = self.0.clone().chain_update(message);
        mac.finalize().into_bytes().into()
    }

    /// Takes equally long however much of the signature is right.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let mac = self.0.clone().chain_update(message);
        mac.verify_slice(signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base64url;

    /// The second test case of RFC 4231.
    #[test]
    fn the_signature_is_hmac_sha256() {
        let signature = Key::new(b"Jefe").sign(b"what do ya want for nothing?");
        assert_eq!(
            base64url::encode(&signature),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM"
        );
    }

    proptest! {
        #[test]
        fn only_the_same_secret_verifies(message: Vec<u8>, secret in ".{0,90}", other in ".{0,90}") {
            let signature = Key::new(secret.as_bytes()).sign(&message);
            prop_assert!(Key::new(secret.as_bytes()).verify(&message, &signature));
            // HMAC fills keys up with zeros.
            prop_assume!(secret.trim_end_matches('\0') != other.trim_end_matches('\0'));
            prop_assert!(!Key::new(other.as_bytes()).verify(&message, &signature));
        }

        #[test]
        fn a_signature_is_good_whole_or_not_at_all(message: Vec<u8>, length in 0_usize..32) {
            let key = Key::new(b"hush");
            let signature = key.sign(&message);
            prop_assert!(!key.verify(&message, &signature[..length]));
        }
    }
}
