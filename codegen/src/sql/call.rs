//! Function calls: the types of the arguments and of the result, and when the result is NULL.

use crate::report::{Code, nearest};
use crate::syntax::ast::{Expr, ExprKind, Function, Ident};

use super::aggregates::Owner;
use super::analyzer::Analyzer;
use super::expr::parameter;
use super::functions::{self, Argument, Kind, Null, Returns, Signature};
use super::json;
use super::narrow;
use super::operators::number_of;
use super::parameters::{Expectation, Nulls};
use super::scope::Known;
use super::types::{Storage, Ty};

/// A call whose arguments are analyzed.
struct Call<'c> {
    signature: &'static Signature,
    function: &'c Function,
    arguments: Vec<Ty>,
    /// Whether an aggregate or a window function may read no rows.
    may_read_no_rows: bool,
}

impl Analyzer<'_> {
    /// The type of a call.
    pub(super) fn function(&mut self, function: &Function, expected: Option<&Expectation>) -> Ty {
        let name = &function.name;
        let Some(signature) = functions::find(&name.text, function.arguments.len()) else {
            self.unknown_function(name);
            return Ty::null();
        };

        let is_aggregate = signature.kind == Kind::Aggregate && function.over.is_none();
        let level = if is_aggregate {
            self.aggregated_level(function)
        } else {
            None
        };

        // The arguments are evaluated for rows that exist, even if the query may find none.
        let outside =
            level.map(|level| std::mem::replace(&mut self.scopes[level].may_be_empty, false));
        let mut arguments = if signature.kind == Kind::Scalar && function.over.is_none() {
            self.arguments(signature, function, expected)
        } else {
            let first = level.unwrap_or(if is_aggregate {
                0
            } else {
                self.scopes.len() - 1
            });
            self.arguments_of_rows(signature, function, expected, first)
        };
        if is_aggregate && level.map(|level| level + 1) != Some(self.scopes.len()) {
            // Beside a window function, SQLite computes it of rows without values.
            arguments.iter_mut().for_each(|ty| ty.nullable = true);
        }
        self.clauses(function);
        self.check_json_values(function, &arguments);
        if let (Some(level), Some(outside)) = (level, outside) {
            self.scopes[level].may_be_empty = outside;
        }

        let may_read_no_rows = function.filter.is_some()
            || match &function.over {
                Some(window) => self.frame_may_be_empty(window),
                None => is_aggregate && outside.unwrap_or(true),
            };
        self.call(&Call {
            signature,
            function,
            arguments,
            may_read_no_rows,
        })
    }

    /// Reports a function that D1 does not have.
    fn unknown_function(&mut self, name: &Ident) {
        let help = if let Some(allowed) = functions::alternative(&name.text) {
            format!("use `{allowed}` instead")
        } else if let Some(near) = nearest(&name.text, functions::names()) {
            format!("did you mean `{near}`?")
        } else {
            "see https://developers.cloudflare.com/d1/sql-api/sql-statements/".to_owned()
        };
        self.error(
            Code::UnknownFunction,
            format!("D1 has no function `{}`", name.text),
            &name.span,
            "unknown or not allowed on D1",
            help,
        );
    }

    /// Returns the level whose rows an aggregate reads, if it is known.
    ///
    /// The levels that the aggregate may belong to, other than the innermost, are marked.
    fn aggregated_level(&mut self, function: &Function) -> Option<usize> {
        // In `VALUES (count(*))` there are no rows to aggregate. SQLite reports that.
        let innermost = self.scopes.len().checked_sub(1)?;
        let level = match self.owner(function) {
            Owner::Level(level) => Some(level),
            Owner::Unknown => None,
        };
        for scope in &mut self.scopes[level.unwrap_or(0)..innermost] {
            scope.aggregated_below = true;
        }
        level
    }

    /// Analyzes FILTER, ORDER BY and OVER.
    fn clauses(&mut self, function: &Function) {
        if let Some(filter) = &function.filter {
            self.condition(filter);
        }
        for expr in &function.order_by {
            self.expr(expr);
        }
        if let Some(window) = &function.over {
            for expr in &window.exprs {
                self.expr(expr);
            }
            self.limits(window.bounds.iter());
        }
    }

    /// The types of the arguments of an aggregate or a window function, in the rows that FILTER
    /// keeps. The rows are those of a level from `first` on.
    ///
    /// They include other rows than the one for which the condition of a CASE is true.
    fn arguments_of_rows(
        &mut self,
        signature: &Signature,
        function: &Function,
        expected: Option<&Expectation>,
        first: usize,
    ) -> Vec<Ty> {
        let levels = self.scopes.iter_mut().skip(first);
        let narrowed: Vec<Option<Known>> = levels
            .map(|scope| {
                let every_row = scope.every_row.clone()?;
                let narrowed = scope.known();
                scope.set_known(every_row);
                Some(narrowed)
            })
            .collect();

        let outside = self.scope().begin_condition();
        if let Some(filter) = &function.filter {
            let facts = narrow::when_true(self.scope(), filter);
            self.scope().keep_only(facts);
        }
        let arguments = self.arguments(signature, function, expected);
        self.scope().end_condition(outside);

        for (scope, narrowed) in self.scopes.iter_mut().skip(first).zip(narrowed) {
            if let Some(narrowed) = narrowed {
                scope.set_known(narrowed);
            }
        }
        arguments
    }

    /// The types of the arguments.
    fn arguments(
        &mut self,
        signature: &Signature,
        function: &Function,
        expected: Option<&Expectation>,
    ) -> Vec<Ty> {
        let arguments = &function.arguments;
        let alike = signature.arguments.contains(&Argument::Same);
        // In `coalesce(:x, column)` the parameter has the type of the other argument.
        let sibling = arguments
            .iter()
            .find(|argument| alike && parameter(argument).is_none())
            .map(|argument| self.probe(argument))
            .filter(|ty| ty.storage != Storage::NONE);

        let mut types: Vec<Ty> = Vec::new();
        for (index, argument) in arguments.iter().enumerate() {
            let declared = signature.arguments.get(index);
            let kind = declared
                .or(signature.arguments.last())
                .copied()
                .unwrap_or(Argument::Any);
            let mut own = own_expectation(kind, signature.name);
            if alike && kind != Argument::Integer {
                let like = sibling.as_ref().map(Expectation::compared);
                own = like.or_else(|| expected.cloned()).unwrap_or(own);
                // Non-final `coalesce` arguments may be NULL.
                let last = index + 1 == arguments.len();
                own = own.nulls(if signature.null == Null::All && !last {
                    Nulls::Welcome
                } else {
                    Nulls::Silent
                });
            }
            types.push(self.expr_as(argument, &own));
        }
        types
    }

    /// The type of the result.
    fn call(&self, call: &Call<'_>) -> Ty {
        let Call {
            signature,
            function,
            arguments,
            may_read_no_rows,
        } = call;
        let first = call.first();
        let ty = call
            .returned()
            .with_json(json::of_call(function, arguments));

        match signature.null {
            Null::Never => ty,
            Null::All if signature.kind == Kind::Aggregate => {
                if *may_read_no_rows {
                    ty.or_null("the aggregate may read no rows")
                } else {
                    ty.null_with([&first])
                }
            }
            Null::All => {
                if arguments.iter().all(|argument| argument.nullable) {
                    ty.or_null("every argument can be NULL")
                } else {
                    ty
                }
            }
            Null::Any => {
                let ty = ty.null_with(arguments);
                if signature.returns == Returns::Part && first.storage.meets(Storage::BLOB) {
                    ty.or_null("a part of an empty BLOB is NULL")
                } else {
                    ty
                }
            }
            Null::First => ty.null_with([&first]),
            Null::Frame => {
                if *may_read_no_rows {
                    ty.or_null("the frame may contain no rows")
                } else {
                    ty.null_with([&first])
                }
            }
            Null::Default => match (arguments.as_slice(), function.arguments.get(1)) {
                // Only a literal offset is certain not to be NULL.
                ([value, _, default], Some(offset)) if offset.kind == ExprKind::Integer => {
                    ty.null_with([value, default])
                }
                _ => ty.or_null("there may be no such row, and no default is given"),
            },
            Null::Number => {
                if first.storage.within(Storage::NUMERIC) && first.storage != Storage::NONE {
                    ty.null_with([&first])
                } else {
                    ty.or_null("the argument may not be a number")
                }
            }
            Null::Path => {
                // Paths and values alternate after the first argument.
                let paths = function.arguments.iter().skip(1).step_by(2);
                let are_literal = |path: &Expr| matches!(path.kind, ExprKind::String(_));
                if paths.clone().all(are_literal) {
                    ty.null_with([&first])
                } else {
                    ty.or_null("a path can be NULL")
                }
            }
            Null::Found if arguments.len() == 1 => ty.null_with([&first]),
            Null::Found => ty.or_null("the JSON may not contain the path"),
            Null::Maybe => {
                if self.is_constant_and_present(function) || is_format(function) {
                    ty
                } else if self.is_modulo(function, arguments) {
                    ty.null_with(arguments)
                } else {
                    ty.or_null("the function can return NULL")
                }
            }
        }
    }

    /// Whether a call is that of `mod` for numbers, with a literal divisor other than 0.
    fn is_modulo(&self, function: &Function, arguments: &[Ty]) -> bool {
        let is_number =
            |ty: &Ty| ty.storage != Storage::NONE && ty.storage.within(Storage::NUMERIC);
        let divisor = function.arguments.get(1);
        let divisor = divisor.and_then(|divisor| self.written(divisor).parse::<f64>().ok());
        function.name.is("mod")
            && arguments.iter().all(is_number)
            && divisor.is_some_and(|divisor| divisor != 0.0)
    }

    /// Whether a call whose arguments are literals returns a value, as `datetime('now', '-7 days')`
    /// does. SQLite evaluates the call.
    fn is_constant_and_present(&self, function: &Function) -> bool {
        let arguments = &function.arguments;
        let (Some(first), Some(last)) = (arguments.first(), arguments.last()) else {
            // `date()` and similar calls return the current time; `strftime()` has no format.
            return !function.name.is("strftime");
        };
        if function.over.is_some() || !arguments.iter().all(is_literal) {
            return false;
        }

        let written = self
            .text
            .get(first.span.start..last.span.end)
            .unwrap_or_default();
        let sql = format!("SELECT {}({written}) IS NOT NULL", function.name.text);
        let connection = self.catalog.database.connection();
        connection
            .query_row(&sql, [], |row| row.get(0))
            .unwrap_or(false)
    }
}

impl Call<'_> {
    /// The type of the first argument.
    fn first(&self) -> Ty {
        let first = self.arguments.first().cloned();
        first.unwrap_or_else(|| Ty::new(Storage::ANY))
    }

    /// Whether `unixepoch` may return fractions of a second: with the modifier `subsec`, which can
    /// also be the only argument. A first argument that is not a literal is a time.
    fn may_request_fractions(&self) -> bool {
        let mut arguments = self.function.arguments.iter().enumerate();
        arguments.any(|(index, argument)| match &argument.kind {
            ExprKind::String(text) => ["subsec", "subsecond"]
                .iter()
                .any(|modifier| text.eq_ignore_ascii_case(modifier)),
            ExprKind::Integer | ExprKind::Float => false,
            _ => index > 0,
        })
    }

    /// The type of a result that is not NULL.
    fn returned(&self) -> Ty {
        let first = self.first();

        match self.signature.returns {
            Returns::Is(storage) => Ty::new(storage),
            Returns::Boolean => Ty::boolean(),
            Returns::First => first.not_null(),
            Returns::Hint => {
                // Here SQLite does not convert a whole number in a REAL column to REAL.
                let storage = if first.storage.meets(Storage::REAL) {
                    first.storage.or(Storage::INTEGER)
                } else {
                    first.storage
                };
                Ty { storage, ..first }.not_null()
            }
            Returns::Number => Ty::new(number_of(&first)),
            Returns::FirstOrDefault => match self.arguments.get(2) {
                Some(default) => first.join(default.clone()).not_null(),
                None => first.not_null(),
            },
            Returns::Part => Ty::new(if first.storage == Storage::BLOB {
                Storage::BLOB
            } else if first.storage.meets(Storage::BLOB) {
                Storage::TEXT.or(Storage::BLOB)
            } else {
                Storage::TEXT
            }),
            Returns::Seconds => Ty::new(if self.may_request_fractions() {
                Storage::INTEGER.or(Storage::REAL)
            } else {
                Storage::INTEGER
            }),
            Returns::Join => {
                let joined = self.arguments.iter().cloned().reduce(Ty::join);
                let ty = joined.unwrap_or_else(Ty::null).not_null();
                Ty { origin: None, ..ty }
            }
        }
    }
}

/// The type that the function itself expects of an argument.
fn own_expectation(argument: Argument, function: &str) -> Expectation {
    let storage = match argument {
        Argument::Text => Storage::TEXT,
        Argument::Integer => Storage::INTEGER,
        Argument::Number => Storage::NUMERIC,
        Argument::Any | Argument::Same => Storage::ANY,
    };
    Expectation::storage(storage, &format!("an argument of `{function}`")).weak()
}

fn is_literal(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Integer | ExprKind::Float | ExprKind::String(_) | ExprKind::Blob
    )
}

/// Whether a call has a literal format that is not empty: only an empty format returns NULL.
fn is_format(function: &Function) -> bool {
    let formats = function.name.is("printf") || function.name.is("format");
    let format = function.arguments.first().map(|format| &format.kind);
    formats && matches!(format, Some(ExprKind::String(text)) if !text.is_empty())
}
