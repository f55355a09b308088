//! K2 streams: records of bytes, with headers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::observe::{Gate, Measures};

/// A stream of records. Natively they are lines of JSON in the state's folder.
///
/// Covered: `send`.
#[derive(Debug, Clone)]
pub struct K2 {
    gate: Gate,
    backend: backend::Object,
}

/// A record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// What is in it.
    pub content: Vec<u8>,
    /// What is said of it.
    pub headers: BTreeMap<String, String>,
}

connect_object!(K2, K2);

impl K2 {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Sends records.
    ///
    /// # Errors
    /// `Unavailable` where the stream says that it may be tried again, `Internal` where it refuses them.
    ///
    /// # Examples
    /// ```
    /// # async fn f(events: &bindery::k2::K2) -> bindery::Result<()> {
    /// use bindery::k2::Record;
    /// events.send(&[Record { content: b"clicked".to_vec(), ..Record::default() }]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn send(&self, records: &[Record]) -> Result<()> {
        let work = async {
            let answer = self.backend.send_records(records).await?;
            refused(&answer)?;
            let bytes = records
                .iter()
                .map(|record| record.content.len() as u64)
                .sum();
            Ok((
                (),
                Measures {
                    count: Some(records.len() as u64),
                    bytes: Some(bytes),
                    ..Measures::default()
                },
            ))
        };
        self.gate.pass("send", None, work).await
    }
}

/// An answer can be one of failure.
fn refused(answer: &Value) -> Result<(), Failure> {
    if answer["success"] != Value::Bool(false) {
        return Ok(());
    }
    let message = answer["error"]["message"]
        .as_str()
        .unwrap_or("the records were refused");
    let kind = if answer["error"]["retryable"] == Value::Bool(true) {
        ErrorKind::Unavailable
    } else {
        ErrorKind::Internal
    };
    Err(Failure::new(kind, message))
}

#[cfg(test)]
mod tests {
    use super::refused;
    use crate::ErrorKind;
    use serde_json::json;

    #[test]
    fn an_answer_of_failure_is_an_error() {
        assert!(refused(&json!({ "success": true })).is_ok() && refused(&json!(null)).is_ok());
        let kind = |answer| refused(&answer).err().map(|failure| failure.kind);
        assert_eq!(
            kind(json!({ "success": false, "error": { "message": "no", "retryable": true } })),
            Some(ErrorKind::Unavailable)
        );
        assert_eq!(kind(json!({ "success": false })), Some(ErrorKind::Internal));
    }
}
