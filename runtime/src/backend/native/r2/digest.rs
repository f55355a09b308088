//! The checksums of content that is stored.

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use crate::error::{ErrorKind, Failure};
use crate::r2::{Checksum, Checksums};

/// The MD5 of content, which is its etag, and the checksum that it must have.
pub(super) struct Digests {
    md5: Md5,
    required: Option<(Checksum, Required)>,
}

/// The digest of a required checksum.
enum Required {
    Md5,
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Digests {
    pub(super) fn new(required: Option<Checksum>) -> Self {
        let digest = |checksum: &Checksum| match checksum {
            Checksum::Md5(_) => Required::Md5,
            Checksum::Sha1(_) => Required::Sha1(Sha1::new()),
            Checksum::Sha256(_) => Required::Sha256(Sha256::new()),
            Checksum::Sha384(_) => Required::Sha384(Sha384::new()),
            Checksum::Sha512(_) => Required::Sha512(Sha512::new()),
        };
        Self {
            md5: Md5::new(),
            required: required.map(|checksum| (checksum, digest(&checksum))),
        }
    }

    pub(super) fn update(&mut self, chunk: &[u8]) {
        self.md5.update(chunk);
        match self.required.as_mut().map(|(_, digest)| digest) {
            None | Some(Required::Md5) => {}
            Some(Required::Sha1(digest)) => digest.update(chunk),
            Some(Required::Sha256(digest)) => digest.update(chunk),
            Some(Required::Sha384(digest)) => digest.update(chunk),
            Some(Required::Sha512(digest)) => digest.update(chunk),
        }
    }

    /// Returns the checksums. Fails if the content does not have the required one.
    pub(super) fn finish(self) -> Result<Checksums, Failure> {
        let md5 = self.md5.finalize().to_vec();
        let mut checksums = Checksums {
            md5: Some(md5.clone()),
            ..Checksums::default()
        };
        let Some((checksum, digest)) = self.required else {
            return Ok(checksums);
        };

        let (found, stored) = match digest {
            Required::Md5 => (md5, &mut checksums.md5),
            Required::Sha1(digest) => (digest.finalize().to_vec(), &mut checksums.sha1),
            Required::Sha256(digest) => (digest.finalize().to_vec(), &mut checksums.sha256),
            Required::Sha384(digest) => (digest.finalize().to_vec(), &mut checksums.sha384),
            Required::Sha512(digest) => (digest.finalize().to_vec(), &mut checksums.sha512),
        };
        let expected: &[u8] = match &checksum {
            Checksum::Md5(bytes) => bytes,
            Checksum::Sha1(bytes) => bytes,
            Checksum::Sha256(bytes) => bytes,
            Checksum::Sha384(bytes) => bytes,
            Checksum::Sha512(bytes) => bytes,
        };
        if found != expected {
            let message = "the content does not have the checksum";
            return Err(Failure::new(ErrorKind::InvalidArgument, message));
        }
        *stored = Some(found);
        Ok(checksums)
    }
}
