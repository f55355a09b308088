//! The ids of objects. Half of an id shows to which class it belongs.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Failure};
use crate::random;

/// The bytes of an id that identify the object. The others depend on them and on the class.
const BASE: usize = 16;

/// The key of the ids of a class.
#[derive(Clone)]
pub(super) struct IdKey([u8; 32]);

impl IdKey {
    pub(super) fn new(class: &str) -> Self {
        Self(Sha256::digest(class).into())
    }

    /// The key of another jurisdiction.
    pub(super) fn in_jurisdiction(&self, jurisdiction: &str) -> Self {
        Self(self.digest(format!("jurisdiction {jurisdiction}").as_bytes()))
    }

    /// The id of a name.
    pub(super) fn of_name(&self, name: &str) -> String {
        self.of_base(&self.digest(name.as_bytes())[..BASE])
    }

    /// An id that no object has.
    pub(super) fn unique(&self) -> Result<String, Failure> {
        let base = random::bytes::<BASE>().map_err(Error::into_failure)?;
        Ok(self.of_base(&base))
    }

    /// Fails if an id is not one of this class.
    pub(super) fn check(&self, id: &str) -> Result<(), Failure> {
        let invalid = |message| Failure::new(ErrorKind::InvalidArgument, message);
        let is_hex = id.len() == 4 * BASE && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            return Err(invalid("the id of an object has 64 hexadecimal digits"));
        }

        let digits = (0..BASE).map(|index| u8::from_str_radix(&id[2 * index..][..2], 16));
        let base: Vec<u8> = digits.map(Result::unwrap_or_default).collect();
        if self.of_base(&base).eq_ignore_ascii_case(id) {
            return Ok(());
        }
        Err(invalid("the id is not that of an object of this class"))
    }

    fn of_base(&self, base: &[u8]) -> String {
        let check = self.digest(base);
        let mut id = String::with_capacity(4 * BASE);
        for byte in base.iter().chain(&check[..BASE]) {
            let _ = write!(id, "{byte:02x}");
        }
        id
    }

    #[expect(clippy::expect_used, reason = "HMAC accepts keys of any length")]
    fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length");
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::IdKey;

    #[test]
    fn an_id_belongs_to_its_class() {
        let (rooms, users) = (IdKey::new("w-Room"), IdKey::new("w-User"));
        let id = rooms.of_name("lobby");
        assert_eq!(id, rooms.of_name("lobby"));
        assert_ne!(id, users.of_name("lobby"));
        assert_eq!(id.len(), 64);

        assert!(rooms.check(&id).is_ok() && rooms.check(&id.to_uppercase()).is_ok());
        assert!(users.check(&id).is_err());
        assert!(rooms.in_jurisdiction("eu").check(&id).is_err());
        assert!(rooms.unique().is_ok_and(|id| rooms.check(&id).is_ok()));
        for invalid in ["", "abc", &"ü".repeat(32), &"g".repeat(64)] {
            assert!(rooms.check(invalid).is_err());
        }
    }
}
