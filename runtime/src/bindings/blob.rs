//! Files that are bound by name.
//!
//! <https://developers.cloudflare.com/workers/wrangler/configuration/>

use super::connect_object;
use crate::backend;
use crate::observe::Gate;

/// A text file that is a part of the worker.
#[derive(Debug, Clone)]
pub struct TextBlob {
    backend: backend::Object,
}

connect_object!(Blob, TextBlob);

impl TextBlob {
    pub(crate) fn new(_: Gate, backend: backend::Object) -> Self {
        Self { backend }
    }

    /// What is in it.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.backend.bytes()).into_owned()
    }
}

/// A file of bytes that is a part of the worker.
#[derive(Debug, Clone)]
pub struct DataBlob {
    backend: backend::Object,
}

connect_object!(Blob, DataBlob);

impl DataBlob {
    pub(crate) fn new(_: Gate, backend: backend::Object) -> Self {
        Self { backend }
    }

    /// What is in it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.backend.bytes()
    }
}
