//! Unguessable identifiers.

use crate::error::{Error, ErrorKind, Result};

/// Returns 128 random bits as 32 hexadecimal digits.
///
/// The bits come from the operating system, and on Workers from Web Crypto, so an identifier is
/// unique and cannot be guessed.
///
/// # Errors
/// `Internal` if the system cannot supply random bits.
pub fn random_id() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        let message = format!("the system cannot supply random bits: {error}");
        Error::worker("random", ErrorKind::Internal, message)
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
