//! K2 streams: records of bytes with headers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::observe::{Gate, Measures};

/// A K2 stream. Natively, records are appended to a file of JSON lines in the state folder.
///
/// Covered: `send`.
#[derive(Debug, Clone)]
pub struct K2 {
    gate: Gate,
    backend: backend::Object,
}

/// A record of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The content.
    pub content: Vec<u8>,
    /// The headers, by name.
    pub headers: BTreeMap<String, String>,
}

connect_object!(K2, K2);

impl K2 {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Sends records to the stream.
    ///
    /// # Errors
    /// `Unavailable` if the stream rejects the records and reports that a retry may succeed.
    /// `Internal` if it rejects them otherwise.
    ///
    /// # Examples
    /// ```
    /// # async fn f(events: &bindery::k2::K2) -> bindery::Result<()> {
    /// use bindery::k2::Record;
    ///
    /// events.send(&[Record { content: b"clicked".to_vec(), ..Record::default() }]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn send(&self, records: &[Record]) -> Result<()> {
        let work = async {
            let answer = self.backend.send_records(records).await?;
            check_answer(&answer)?;

            let sizes = records.iter().map(|record| record.content.len() as u64);
            let measures = Measures {
                count: Some(records.len() as u64),
                bytes: Some(sizes.sum()),
                ..Measures::default()
            };
            Ok(((), measures.into()))
        };
        self.gate.pass("send", None, work).await
    }
}

/// Fails if the answer reports a failure: the stream reports it as a value and does not throw.
fn check_answer(answer: &Value) -> Result<(), Failure> {
    if answer["success"] != Value::Bool(false) {
        return Ok(());
    }

    let error = &answer["error"];
    let message = error["message"].as_str();
    let kind = if error["retryable"] == Value::Bool(true) {
        ErrorKind::Unavailable
    } else {
        ErrorKind::Internal
    };
    Err(Failure::new(
        kind,
        message
            .unwrap_or("the stream rejected the records")
            .to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::check_answer;
    use crate::ErrorKind;
    use serde_json::json;

    #[test]
    fn an_answer_that_reports_a_failure_is_an_error() {
        assert!(check_answer(&json!({ "success": true })).is_ok());
        assert!(check_answer(&json!(null)).is_ok());

        let kind = |answer| check_answer(&answer).err().map(|failure| failure.kind);
        let retryable =
            json!({ "success": false, "error": { "message": "no", "retryable": true } });
        assert_eq!(kind(retryable), Some(ErrorKind::Unavailable));
        assert_eq!(kind(json!({ "success": false })), Some(ErrorKind::Internal));
    }
}
