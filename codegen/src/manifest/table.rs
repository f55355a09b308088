//! Access to the tables of the manifest, after the grammar check.
//!
//! The grammar check has already reported values of the wrong type, so the accessors skip them.

use crate::report::{Add, Code, Diagnostic, Errors, Fix, Literal};
use crate::source::{Span, Spanned};

use super::node::{Node, Value};

/// A table and its name in messages.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    pub(super) entries: &'a [(Spanned<String>, Node)],
    pub(super) span: Span,
    pub(super) path: String,
}

impl<'a> Table<'a> {
    /// Returns the table if the node is one.
    pub(super) fn new(node: &'a Node, path: impl Into<String>) -> Option<Self> {
        match &node.value {
            Value::Table(entries) => Some(Self {
                entries,
                span: node.span,
                path: path.into(),
            }),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// Returns a key and its value.
    pub(super) fn entry(&self, key: &str) -> Option<&'a (Spanned<String>, Node)> {
        self.entries.iter().find(|(name, _)| name.value == key)
    }

    /// The fix that adds an entry.
    pub(super) fn add(&self, key: &str, value: Literal) -> Fix {
        Fix::Add(Add {
            table: self.span,
            path: None,
            key: key.to_owned(),
            value,
        })
    }

    /// The fix that removes an entry.
    pub(super) fn remove(&self, key: &str) -> Option<Fix> {
        let (key, node) = self.entry(key)?;
        Some(Fix::Remove(key.span, node.span))
    }

    pub(super) fn table(&self, key: &str) -> Option<Table<'a>> {
        self.get(key).and_then(|node| Table::new(node, key))
    }

    /// Returns the tables in the array `key`, or none if the array is missing.
    pub(super) fn tables(&self, key: &str) -> Vec<Table<'a>> {
        let items = self.array(key).iter().enumerate();
        items
            .filter_map(|(index, node)| Table::new(node, format!("{key}[{index}]")))
            .collect()
    }

    pub(super) fn array(&self, key: &str) -> &'a [Node] {
        match self.get(key) {
            Some(Spanned {
                value: Value::Array(items),
                ..
            }) => items,
            _ => &[],
        }
    }

    pub(super) fn string(&self, key: &str) -> Option<Spanned<String>> {
        let node = self.get(key)?;
        match &node.value {
            Value::String(text) => Some(Spanned {
                value: text.clone(),
                span: node.span,
            }),
            _ => None,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.string(key).map(|text| text.value)
    }

    /// Returns the strings in the array `key`.
    pub(super) fn strings(&self, key: &str) -> Vec<Spanned<String>> {
        let strings = self.array(key).iter().filter_map(|node| match &node.value {
            Value::String(text) => Some(Spanned {
                value: text.clone(),
                span: node.span,
            }),
            _ => None,
        });
        strings.collect()
    }

    /// Returns the string at `key`, and reports it if it is empty.
    pub(super) fn filled(&self, errors: &mut Errors, key: &str) -> Option<Spanned<String>> {
        let text = self.string(key)?;
        if text.value.is_empty() {
            errors.push(
                Diagnostic::new(Code::ManifestField, format!("`{key}` is empty"), text.span)
                    .label("expected a name"),
            );
            return None;
        }
        Some(text)
    }

    /// Returns the whole number at `key`, and reports it if it is out of range.
    ///
    /// `page` is the documentation of the limits.
    pub(super) fn number(
        &self,
        errors: &mut Errors,
        key: &str,
        range: std::ops::RangeInclusive<u32>,
        default: u32,
        page: &str,
    ) -> u32 {
        let Some(node) = self.get(key) else {
            return default;
        };

        let number = match node.value {
            Value::Integer(number) => u32::try_from(number).ok(),
            // JavaScript has one number type, so wrangler accepts `5.0` as a whole number.
            Value::Float(number)
                if number.fract() == 0.0 && (0.0..f64::from(u32::MAX)).contains(&number) =>
            {
                Some(number as u32)
            }
            Value::Float(_) => None,
            _ => return default,
        };
        if let Some(number) = number.filter(|number| range.contains(number)) {
            return number;
        }

        let message = format!(
            "`{key}` must be a whole number between {} and {}",
            range.start(),
            range.end()
        );
        errors.push(
            Diagnostic::new(Code::ManifestLimit, message, node.span)
                .label("outside the platform's limits")
                .help(format!("see {page}")),
        );
        default
    }
}

/// Reports a table that has neither of two keys, or both if only one is allowed.
pub(super) fn check_one_of(
    errors: &mut Errors,
    table: &Table<'_>,
    keys: [&str; 2],
    both_allowed: bool,
) {
    let [left, right] = keys;
    let path = &table.path;

    let (message, fix) = match (table.get(left).is_some(), table.get(right).is_some()) {
        (false, false) => {
            let sample = Literal::Text(format!("my-{}", left.replace('_', "-")));
            (
                format!("`{path}` needs `{left}` or `{right}`"),
                Some(table.add(left, sample)),
            )
        }
        (true, true) if !both_allowed => (
            format!("`{path}` must not have both `{left}` and `{right}`"),
            table.remove(right),
        ),
        (true, _) | (_, true) => return,
    };

    errors.push(
        Diagnostic::new(Code::ManifestField, message, table.span)
            .label("in this table")
            .fix(fix),
    );
}
