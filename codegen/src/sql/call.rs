//! Calls of functions: arguments and result by the row of the function, and when the result is NULL.

use crate::report::Code;
use crate::syntax::ast::{Expr, ExprKind, Function};

use super::aggregates::Owner;
use super::analyzer::Analyzer;
use super::expr::{number_of, parameter};
use super::functions::{self, Kind, Null, Result};
use super::parameters::{Expectation, Nulls};
use super::types::{Storage, Ty};

impl Analyzer<'_> {
    /// The type of a call.
    pub(super) fn function(&mut self, function: &Function, expected: Option<&Expectation>) -> Ty {
        let name = &function.name;
        let Some(row) = functions::find(&name.text, function.arguments.len()) else {
            let help = match functions::alternative(&name.text) {
                Some(allowed) => format!("D1 has `{allowed}` instead"),
                None => {
                    let names: Vec<&str> = functions::names().collect();
                    let near = crate::report::nearest(&name.text, names);
                    near.map_or_else(
                        || {
                            "see https://developers.cloudflare.com/d1/sql-api/sql-statements/"
                                .to_owned()
                        },
                        |near| format!("did you mean `{near}`?"),
                    )
                }
            };
            self.error(
                Code::UnknownFunction,
                format!("D1 has no function `{}`", name.text),
                &name.span,
                "not allowed or not known",
                help,
            );
            return Ty::null();
        };
        // An aggregate reads rows that exist, of the query that it belongs to.
        let is_aggregate = row.kind == Kind::Aggregate && function.over.is_none();
        let own = self.scopes.len().saturating_sub(1);
        let level = match self.owner(function) {
            Owner::Level(level) if is_aggregate => Some(level),
            _ => None,
        };
        if is_aggregate && level != Some(own) {
            let first = level.unwrap_or(0);
            self.scopes[first..own]
                .iter_mut()
                .for_each(|scope| scope.aggregated_below = true);
        }
        let outside =
            level.map(|level| std::mem::replace(&mut self.scopes[level].may_be_empty, false));
        let arguments = self.arguments(row, function, expected);
        if let Some(filter) = &function.filter {
            self.condition(filter);
        }
        for expr in function
            .order_by
            .iter()
            .chain(function.over.iter().flat_map(|window| &window.exprs))
        {
            self.expr(expr);
        }
        if let Some(window) = &function.over {
            self.limits(window.bounds.iter());
        }
        if let (Some(level), Some(outside)) = (level, outside) {
            self.scopes[level].may_be_empty = outside;
        }
        let first = arguments
            .first()
            .cloned()
            .unwrap_or_else(|| Ty::new(Storage::ANY));
        let ty = match row.result {
            Result::Is(storage) => Ty::new(storage),
            Result::Boolean => Ty::boolean(),
            Result::First => Ty {
                nullable: false,
                reason: None,
                ..first.clone()
            },
            // SQLite leaves out that a whole number in a REAL column is a REAL.
            Result::Hint if first.storage.meets(Storage::REAL) => Ty {
                nullable: false,
                reason: None,
                storage: first.storage.or(Storage::INTEGER),
                ..first.clone()
            },
            Result::Hint => Ty {
                nullable: false,
                reason: None,
                ..first.clone()
            },
            Result::Number => Ty::new(number_of(&first)),
            Result::FirstOrDefault => {
                let ty = arguments.get(2).map_or_else(
                    || first.clone(),
                    |default| first.clone().join(default.clone()),
                );
                Ty {
                    nullable: false,
                    reason: None,
                    ..ty
                }
            }
            Result::Part if first.storage == Storage::BLOB => Ty::new(Storage::BLOB),
            Result::Part if first.storage.meets(Storage::BLOB) => {
                Ty::new(Storage::TEXT.or(Storage::BLOB))
            }
            Result::Part => Ty::new(Storage::TEXT),
            Result::Seconds if arguments.len() < 2 => Ty::new(Storage::INTEGER),
            Result::Seconds => Ty::new(Storage::INTEGER.or(Storage::REAL)),
            Result::Join => {
                let joined = arguments
                    .iter()
                    .cloned()
                    .reduce(Ty::join)
                    .unwrap_or_else(Ty::null);
                Ty {
                    nullable: false,
                    reason: None,
                    origin: None,
                    ..joined
                }
            }
        };
        let over_nothing = function.filter.is_some()
            || match &function.over {
                Some(window) => self.frame_may_be_empty(window),
                None => is_aggregate && outside.unwrap_or(true),
            };
        match row.null {
            Null::Never => ty,
            Null::All if row.kind == Kind::Aggregate && over_nothing => {
                ty.or_null("the aggregate may see no row")
            }
            Null::All if row.kind == Kind::Aggregate => ty.null_with([&first]),
            Null::All => {
                let all = arguments.iter().all(|argument| argument.nullable);
                if all {
                    ty.or_null("every argument can be NULL")
                } else {
                    ty
                }
            }
            Null::Any if row.result == Result::Part && first.storage.meets(Storage::BLOB) => ty
                .null_with(&arguments)
                .or_null("a part of an empty BLOB is NULL"),
            Null::Any => ty.null_with(&arguments),
            Null::First => ty.null_with([&first]),
            Null::Frame if over_nothing => ty.or_null("the frame may hold no row"),
            Null::Frame => ty.null_with([&first]),
            Null::Default => match (arguments.as_slice(), function.arguments.get(1)) {
                (
                    [value, _, default],
                    Some(Expr {
                        kind: ExprKind::Integer,
                        ..
                    }),
                ) => ty.null_with([value, default]),
                _ => ty.or_null("there may be no such row, and no default is given"),
            },
            Null::Maybe if self.is_constant_and_present(function) || is_format(function) => ty,
            Null::Maybe => ty.or_null("the function can give NULL"),
        }
    }

    /// Whether a call of literals gives a value: SQLite is asked. `datetime('now', '-7 days')` does.
    fn is_constant_and_present(&self, function: &Function) -> bool {
        let literal = |expr: &Expr| {
            matches!(
                expr.kind,
                ExprKind::Integer | ExprKind::Float | ExprKind::String(_) | ExprKind::Blob
            )
        };
        let (Some(first), Some(last)) = (function.arguments.first(), function.arguments.last())
        else {
            // `date()` and its kin are the time of now.
            return true;
        };
        if function.over.is_some() || !function.arguments.iter().all(literal) {
            return false;
        }
        let arguments = self
            .text
            .get(first.span.start..last.span.end)
            .unwrap_or_default();
        let sql = format!("SELECT {}({arguments}) IS NOT NULL", function.name.text);
        self.catalog
            .database
            .connection()
            .query_row(&sql, [], |row| row.get(0))
            .unwrap_or(false)
    }

    fn arguments(
        &mut self,
        row: &functions::Row,
        function: &Function,
        expected: Option<&Expectation>,
    ) -> Vec<Ty> {
        let letters = row.arguments.as_bytes();
        let mut types: Vec<Ty> = Vec::new();
        let alike = letters.contains(&b's');
        // `coalesce(:x, column)`: the parameter is like the argument whose type is known.
        let sibling = if alike {
            function
                .arguments
                .iter()
                .find(|argument| parameter(argument).is_none())
                .map(|argument| self.probe(argument))
        } else {
            None
        };
        for (index, argument) in function.arguments.iter().enumerate() {
            let letter = letters
                .get(index)
                .or(letters.last())
                .copied()
                .unwrap_or(b'a');
            let meets = format!("an argument of `{}`", row.name);
            let storage = match letter {
                b't' => Storage::TEXT,
                b'i' => Storage::INTEGER,
                b'n' => Storage::NUMERIC,
                b'b' => Storage::BLOB,
                _ => Storage::ANY,
            };
            let mut own = Expectation::storage(storage, &meets).weak();
            if alike && letter != b'i' {
                let like = sibling
                    .as_ref()
                    .filter(|ty| ty.storage != Storage::NONE)
                    .map(Expectation::compared);
                own = like.or_else(|| expected.cloned()).unwrap_or(own);
                // A NULL in front of an alternative is the very use of it.
                let last = index + 1 == function.arguments.len();
                let nulls = if row.null == Null::All && !last {
                    Nulls::Welcome
                } else {
                    Nulls::Silent
                };
                own = own.nulls(nulls);
            }
            types.push(self.expr_as(argument, &own));
        }
        types
    }
}

/// Whether it formats by a text that is not empty: only of the empty one SQLite makes NULL.
fn is_format(function: &Function) -> bool {
    let formats = function.name.is("printf") || function.name.is("format");
    formats
        && matches!(function.arguments.first(), Some(Expr { kind: ExprKind::String(text), .. }) if !text.is_empty())
}
