//! Values as TOML and as JSON.

/// A value that a fix writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// A string.
    Text(String),
    /// A number or `true` or `false`, as it is written.
    Plain(String),
    /// The name of a binding: this text, or the text with a number if the file contains it already.
    Name(String),
    /// An array.
    List(Vec<Literal>),
    /// A table.
    Table(Vec<(String, Literal)>),
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Toml,
    Json,
}

impl Format {
    pub(super) fn of(file_name: &str) -> Self {
        if file_name.ends_with(".toml") {
            Self::Toml
        } else {
            Self::Json
        }
    }

    /// A value on one line.
    pub(super) fn value(self, literal: &Literal) -> String {
        match literal {
            Literal::Text(text) | Literal::Name(text) => quoted(text),
            Literal::Plain(text) => text.clone(),
            Literal::List(items) => {
                let items: Vec<String> = items.iter().map(|item| self.value(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Literal::Table(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| self.entry(key, value))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }

    /// `key = value` or `"key": value`.
    pub(super) fn entry(self, key: &str, value: &Literal) -> String {
        let value = self.value(value);
        match self {
            Self::Toml => format!("{} = {value}", self.key(key)),
            Self::Json => format!("{}: {value}", self.key(key)),
        }
    }

    /// A key, in quotes if it needs them.
    pub(super) fn key(self, key: &str) -> String {
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if self == Self::Toml && !key.is_empty() && key.bytes().all(is_bare) {
            key.to_owned()
        } else {
            quoted(key)
        }
    }
}

/// A value as a TOML block: `[path]` or `[[path]]`, and a line for each entry. `None` if the value
/// is not a table or a list of one table.
pub(super) fn block(path: &[String], value: &Literal) -> Option<String> {
    let path: Vec<String> = path.iter().map(|key| Format::Toml.key(key)).collect();
    let path = path.join(".");
    let (header, entries) = match value {
        Literal::Table(entries) => (format!("[{path}]"), entries),
        Literal::List(items) => match items.as_slice() {
            [Literal::Table(entries)] => (format!("[[{path}]]"), entries),
            _ => return None,
        },
        Literal::Text(_) | Literal::Plain(_) | Literal::Name(_) => return None,
    };

    let lines = entries
        .iter()
        .map(|(key, value)| Format::Toml.entry(key, value));
    Some(
        std::iter::once(header)
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// A string in double quotes, which TOML and JSON escape alike.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control.is_control() => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
