//! Names that nobody guesses and nothing else has.

use crate::error::{Error, ErrorKind, Result};

/// 128 random bits as 32 hexadecimal digits, from the operating system or from Web Crypto.
///
/// # Errors
/// When the system has no randomness to give.
pub fn random_id() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::worker(
            "random",
            ErrorKind::Internal,
            format!("there is no randomness: {error}"),
        )
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
