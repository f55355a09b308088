//! Fixes: the change that removes the cause of a diagnostic, in the format of its file.
//!
//! A stage says what to change, as data. The help and the edit are made from it together, so a help
//! that can be pasted and the edit are the same text. A test applies every fix and compiles again.

mod edit;
mod literal;

use std::path::PathBuf;

use crate::source::{Sources, Span};

pub use literal::Literal;

/// The name of the file with the settings of bindery.
pub const SETTINGS_FILE: &str = "Cargo.toml";

/// A change that removes the cause of a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// Replaces a value by the one that the user most likely means.
    Guess(Span, Literal),
    /// Replaces a value by the same one with another type.
    Convert(Span, Literal),
    /// Renames a key.
    Rename(Rename),
    /// Adds an entry to a table.
    Add(Add),
    /// Adds an item to a list.
    Append(Append),
    /// Makes a list of the value, which is a table or not.
    Wrap(Span, bool),
    /// Removes an entry, which has this key and this value.
    Remove(Span, Span),
    /// Adds an entry to a table of the settings of bindery.
    Setting(Setting),
    /// Both changes.
    Both(Box<Fix>, Box<Fix>),
}

/// A new name for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// The key, where it first appears.
    pub key: Span,
    /// The tables and the keys inside its value: each can repeat the key in TOML.
    pub inside: Vec<Span>,
    /// The value of the new key, if the table has it already.
    pub taken: Option<Span>,
    /// The new key.
    pub to: String,
}

/// A new entry of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Add {
    /// The table.
    pub table: Span,
    /// The path of the table from the root, if a TOML header can name it.
    pub path: Option<Vec<String>>,
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Literal,
}

/// A new item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The list.
    pub list: Span,
    /// Its last item.
    pub last: Option<Span>,
    /// The path of the list from the root.
    pub path: Vec<String>,
    /// The item.
    pub item: Literal,
}

/// A new entry of a table in `[package.metadata.bindery]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The manifest, beside which the file with the settings is.
    pub manifest: Span,
    /// The table, if it exists.
    pub existing: Option<Span>,
    /// The value of the key, if the table has it.
    pub replaced: Option<Span>,
    /// The name of the table.
    pub table: &'static str,
    /// The key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A change of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The file, which may not exist yet.
    pub path: PathBuf,
    /// The bytes that are replaced.
    pub range: std::ops::Range<usize>,
    /// The text that replaces them.
    pub text: String,
}

/// A fix in the format of its file.
struct Rendered {
    help: String,
    edits: Vec<Edit>,
}

impl Fix {
    /// What to write, for people.
    #[must_use]
    pub fn help(&self, sources: &Sources) -> String {
        self.render(sources).help
    }

    /// What to write, for programs. It is empty if the fix is in words only.
    #[must_use]
    pub fn edits(&self, sources: &Sources) -> Vec<Edit> {
        self.render(sources).edits
    }
}
