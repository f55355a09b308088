//! Files that the manifest binds by name.
//!
//! <https://developers.cloudflare.com/workers/wrangler/configuration/>

use super::connect_object;
use crate::backend;
use crate::observe::Gate;

/// A text file that is part of the worker.
#[derive(Debug, Clone)]
pub struct TextBlob {
    backend: backend::Object,
}

connect_object!(Blob, TextBlob);

impl TextBlob {
    pub(crate) fn new(_: Gate, backend: backend::Object) -> Self {
        Self { backend }
    }

    /// Returns the text of the file.
    ///
    /// Bytes that are not valid UTF-8 become replacement characters.
    ///
    /// # Examples
    /// ```
    /// # fn f(terms: &bindery::blob::TextBlob) {
    /// let text: String = terms.text();
    /// # }
    /// ```
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.backend.bytes()).into_owned()
    }
}

/// A binary file that is part of the worker.
#[derive(Debug, Clone)]
pub struct DataBlob {
    backend: backend::Object,
}

connect_object!(Blob, DataBlob);

impl DataBlob {
    pub(crate) fn new(_: Gate, backend: backend::Object) -> Self {
        Self { backend }
    }

    /// Returns the bytes of the file.
    ///
    /// # Examples
    /// ```
    /// # fn f(logo: &bindery::blob::DataBlob) {
    /// let bytes: Vec<u8> = logo.bytes();
    /// # }
    /// ```
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.backend.bytes()
    }
}
