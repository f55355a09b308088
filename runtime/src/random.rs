//! Random numbers and identifiers in both worlds.
//!
//! They come from the operating system, and on Workers from Web Crypto, so they cannot be guessed.
//! A test can choose a seed instead, which makes them the same in each run.
//!
//! Workers do not supply random numbers outside of a handler.

use std::time::UNIX_EPOCH;

use crate::error::{Error, ErrorKind, Result};
use crate::{backend, time};

/// Returns random bytes.
///
/// # Errors
/// `Internal` if the system cannot supply random bytes.
///
/// # Examples
/// ```
/// let key: [u8; 32] = bindery::random::bytes()?;
/// # Ok::<(), bindery::Error>(())
/// ```
pub fn bytes<const LENGTH: usize>() -> Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    if backend::fill_random(&mut bytes) {
        return Ok(bytes);
    }
    getrandom::fill(&mut bytes).map_err(|error| {
        let message = format!("the system cannot supply random bytes: {error}");
        Error::worker("random", ErrorKind::Internal, message)
    })?;
    Ok(bytes)
}

/// Returns 128 random bits as 32 hexadecimal digits.
///
/// # Errors
/// `Internal` if the system cannot supply random bytes.
///
/// # Examples
/// ```
/// assert_eq!(bindery::random::id()?.len(), 32);
/// # Ok::<(), bindery::Error>(())
/// ```
pub fn id() -> Result<String> {
    Ok(hexadecimal(&bytes::<16>()?))
}

/// Returns a random UUID, of version 4.
///
/// <https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-4>
///
/// # Errors
/// `Internal` if the system cannot supply random bytes.
///
/// # Examples
/// ```
/// assert_eq!(bindery::random::uuid_v4()?.len(), 36);
/// # Ok::<(), bindery::Error>(())
/// ```
pub fn uuid_v4() -> Result<String> {
    Ok(uuid(bytes()?, 4))
}

/// Returns a UUID that starts with the current time, of version 7. UUIDs of a later millisecond are
/// greater, so they keep an index small.
///
/// <https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7>
///
/// # Errors
/// `Internal` if the system cannot supply random bytes.
///
/// # Examples
/// ```
/// assert_eq!(bindery::random::uuid_v7()?.len(), 36);
/// # Ok::<(), bindery::Error>(())
/// ```
pub fn uuid_v7() -> Result<String> {
    let since = time::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let milliseconds = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let mut bytes = bytes::<16>()?;
    bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    Ok(uuid(bytes, 7))
}

/// Formats 128 bits as a UUID, with a version and the variant of RFC 9562.
fn uuid(mut bytes: [u8; 16], version: u8) -> String {
    bytes[6] = (bytes[6] & 0x0f) | (version << 4);
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = hexadecimal(&bytes);
    for position in [20, 16, 12, 8] {
        text.insert(position, '-');
    }
    text
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::uuid;

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        assert_eq!(uuid([0xff; 16], 4), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid([0; 16], 7), "00000000-0000-7000-8000-000000000000");
    }
}
