//! The identities of traces and spans.

use std::cell::RefCell;

use super::super::Scope;
use crate::random;

thread_local! {
    /// The spans that this thread has entered.
    static ENTERED: RefCell<Vec<SpanContext>> = const { RefCell::new(Vec::new()) };
}

/// A span and the trace that it belongs to.
///
/// <https://www.w3.org/TR/trace-context/>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanContext {
    pub(super) trace: u128,
    pub(super) span: u64,
}

impl SpanContext {
    /// Returns the span inside of which a call takes place: the one that this thread has entered,
    /// or that of the request.
    pub(crate) fn current() -> Option<Self> {
        let entered = ENTERED.with_borrow(|entered| entered.last().copied());
        entered.or_else(|| Scope::current()?.span())
    }

    /// Starts a trace. Returns `None` without random numbers.
    pub(super) fn root() -> Option<Self> {
        let trace = u128::from_be_bytes(random::bytes().ok()?);
        Self { trace, span: 0 }.child()
    }

    /// Returns a new span in the same trace.
    pub(super) fn child(self) -> Option<Self> {
        let span = u64::from_be_bytes(random::bytes().ok()?);
        Some(Self { span, ..self })
    }

    pub(super) fn enter(self) {
        ENTERED.with_borrow_mut(|entered| entered.push(self));
    }

    pub(super) fn exit() {
        ENTERED.with_borrow_mut(Vec::pop);
    }

    /// Reads the header `traceparent`. Whether the caller samples the trace does not matter: a
    /// client does not decide what a service records.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let span = hex(parts.next()?, 16)?;
        hex(parts.next()?, 2)?;

        let is_complete = version > 0 || parts.next().is_none();
        let is_valid = version != 0xff && trace != 0 && span != 0 && is_complete;
        is_valid.then_some(Self {
            trace,
            span: span as u64,
        })
    }

    /// Returns the value of the header `traceparent`.
    pub(crate) fn to_header(self) -> String {
        format!("00-{:032x}-{:016x}-01", self.trace, self.span)
    }
}

/// Reads a number of lower-case digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_valid = text.len() == digits && text.bytes().all(is_digit);
    is_valid.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_is_read_and_written() {
        let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = SpanContext::parse(header).expect("it is valid");
        assert_eq!(context.to_header(), header);
        // A later version can have more fields.
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more";
        assert_eq!(SpanContext::parse(later), Some(context));
    }

    #[test]
    fn an_invalid_traceparent_is_ignored() {
        for header in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        ] {
            assert_eq!(SpanContext::parse(header), None, "{header}");
        }
    }
}
