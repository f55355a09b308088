//! Whether a column stores a value so that it can be read as the type of the column.
//!
//! A STRICT table rejects other values. All other tables store them, and reading them fails.

use crate::report::{Code, Diagnostic};
use crate::schema::{Checked, Column, Table};
use crate::syntax::ast::{Expr, ExprKind};

use super::analyzer::Analyzer;
use super::types::{Domain, Storage, Ty, converted, stored_number};
use super::virtual_tables::promised_type;

/// How a value fits its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Always,
    /// Only some of its values. The others have these storage classes.
    Sometimes(Storage),
    /// None of them. SQLite stores them with these storage classes.
    Never(Storage),
}

impl Analyzer<'_> {
    /// Reports a value that does not fit its column: an error if the write always fails, and
    /// otherwise a warning.
    pub(super) fn check_stored(&mut self, table: &Table, column: &Column, given: &Ty, expr: &Expr) {
        if let (Checked::Enum(number), ExprKind::String(text)) = (column.checked, &expr.kind) {
            self.check_enum(column, number, text, &expr.span);
            return;
        }

        let promised = promised_type(self.catalog, table, column);
        let fit = match self.literal(expr) {
            Some(literal) => literal.fit(column, &promised),
            None => fit(column, &promised, given),
        };
        match fit {
            Fit::Always => {}
            Fit::Never(stored) => self.never_fits(column, given.storage, stored, expr),
            Fit::Sometimes(others) => self.may_not_fit(column, others, expr),
        }
    }

    fn never_fits(&mut self, column: &Column, given: Storage, stored: Storage, expr: &Expr) {
        let (name, declared) = (&column.name, declared(column));
        let is_boolean = Ty::of_column("", column).domain == Domain::Boolean;
        let value = if is_boolean && stored.within(Storage::NUMERIC) {
            self.written(expr).to_owned()
        } else {
            stored.classes().collect::<Vec<_>>().join(" or ")
        };

        let rejects = column.checked == Checked::Boolean;
        let (message, label) = if rejects {
            let message = format!("the CHECK of `{name}` rejects {value}");
            (message, "neither 0 nor 1")
        } else {
            let message = format!("`{name}` is {declared}, but the value is {value}");
            let label = if column.strict {
                "the table is STRICT: this fails"
            } else if stored.meets(given) {
                "SQLite stores it unchanged; reading it fails"
            } else {
                "SQLite converts and stores it; reading it fails"
            };
            (message, label)
        };
        let diagnostic = self.diagnostic(Code::StoredType, message, &expr.span, label, None);
        self.diagnostics.push(if rejects || column.strict {
            diagnostic
        } else {
            diagnostic.warning()
        });
    }

    /// Reports a value that can have the storage classes `others`, which do not fit; none if it
    /// can be a number other than 0 and 1.
    fn may_not_fit(&mut self, column: &Column, others: Storage, expr: &Expr) {
        let (name, declared) = (&column.name, declared(column));
        let classes = others.classes().collect::<Vec<_>>().join(" or ");
        let written = self.written(expr);
        let (value, help) = if classes.is_empty() {
            let help = format!("compare it: `({written}) <> 0`");
            ("a number other than 0 and 1".to_owned(), help)
        } else {
            (
                classes,
                format!("convert it: `CAST({written} AS {})`", column_type(column)),
            )
        };

        let label = if column.strict {
            "the table is STRICT: such a write fails"
        } else {
            "SQLite stores it unchanged; reading it fails"
        };
        let message = format!("`{name}` is {declared}, but the value can be {value}");
        let diagnostic: Diagnostic =
            self.diagnostic(Code::StoredType, message, &expr.span, label, help);
        self.diagnostics.push(diagnostic.warning());
    }

    /// The value of a literal, with its sign.
    fn literal(&self, expr: &Expr) -> Option<Literal> {
        match &expr.kind {
            ExprKind::Integer | ExprKind::Float => {
                let number = self.written(expr).replace('_', "");
                number.parse().ok().map(Literal::Number)
            }
            ExprKind::String(text) => Some(match text.trim().parse() {
                Ok(number) if is_decimal(text.trim()) => Literal::NumericText(number),
                _ => Literal::Text,
            }),
            ExprKind::Unary('-', operand) => match self.literal(operand) {
                Some(Literal::Number(number)) => Some(Literal::Number(-number)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// How a column is declared. Those of a full-text table have no type.
fn declared(column: &Column) -> String {
    match column.declared.as_str() {
        "" => "a full text".to_owned(),
        declared => format!("declared {declared}"),
    }
}

/// The type to which a value for a column can be cast.
fn column_type(column: &Column) -> &str {
    match column.declared.as_str() {
        "" => "TEXT",
        declared => declared,
    }
}

/// Whether SQLite reads a text as a number. Rust also reads `inf` and `nan`.
fn is_decimal(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    text.bytes().all(is_part)
}

/// A literal whose value is known.
#[derive(Debug, Clone, Copy)]
enum Literal {
    Number(f64),
    /// A text that looks like a number.
    NumericText(f64),
    /// Any other text.
    Text,
}

impl Literal {
    fn fit(self, column: &Column, promised: &Ty) -> Fit {
        let (number, is_text) = match self {
            Self::Number(number) => (number, false),
            Self::NumericText(number) => (number, true),
            Self::Text => return fit_within(promised, Storage::TEXT),
        };
        let stored = stored_number(number, is_text, &column.declared);

        let is_boolean = promised.domain == Domain::Boolean;
        if is_boolean && ![0.0, 1.0].contains(&number) {
            return Fit::Never(stored);
        }
        fit_within(promised, stored)
    }
}

fn fit(column: &Column, promised: &Ty, given: &Ty) -> Fit {
    if given.storage == Storage::NONE {
        return Fit::Always;
    }
    // A text stays a text in a column whose author means texts, such as DATETIME. The migration
    // has the warning.
    let texts = if promised.storage.meets(Storage::TEXT) {
        given.storage.only(Storage::TEXT)
    } else {
        Storage::NONE
    };
    let others = given.storage.without(texts);
    let stored = if others == Storage::NONE {
        texts
    } else {
        converted(others, &column.declared).or(texts)
    };

    let is_boolean = promised.domain == Domain::Boolean;
    match fit_within(promised, stored) {
        Fit::Always if is_boolean && given.domain != Domain::Boolean => {
            Fit::Sometimes(Storage::NONE)
        }
        fit => fit,
    }
}

/// Compares the classes that are stored with those that the column promises.
fn fit_within(promised: &Ty, stored: Storage) -> Fit {
    // An integer that does not fit in 64 bits is an error of its own when it is read.
    let allowed = if promised.storage.meets(Storage::INTEGER) {
        promised.storage.or(Storage::INTEGRAL)
    } else {
        promised.storage
    };
    if stored.within(allowed) {
        Fit::Always
    } else if stored.meets(allowed) {
        Fit::Sometimes(stored.without(allowed))
    } else {
        Fit::Never(stored)
    }
}
