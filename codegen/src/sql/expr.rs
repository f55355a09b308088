//! Expressions: the type of each, and what each says of the parameters in it.

use crate::report::{Code, suggestion};

use super::analyzer::Analyzer;
use super::narrow;
use super::parameters::{Expectation, Nulls};
use super::scope::{Found, Scope};
use super::types::{Domain, Storage, Ty, cast};
use crate::syntax::ast::{Expr, ExprKind, Ident, InList, Operator};

impl Analyzer<'_> {
    /// The type of an expression of which nothing is expected.
    pub(super) fn expr(&mut self, expr: &Expr) -> Ty {
        self.typed(expr, None)
    }

    /// The type of an expression whose place says what belongs there.
    pub(super) fn expr_as(&mut self, expr: &Expr, expected: &Expectation) -> Ty {
        self.typed(expr, Some(expected))
    }

    fn typed(&mut self, expr: &Expr, expected: Option<&Expectation>) -> Ty {
        let ty = self.inferred(expr, expected);
        if !ty.nullable
            || matches!(expr.kind, ExprKind::Column { .. })
            || self.scope().present.is_empty()
        {
            return ty;
        }
        // WHERE or HAVING has asked the same of the same row.
        let written = self.written(expr).to_owned();
        if self.scope().present.contains(&written) {
            Ty {
                nullable: false,
                reason: None,
                ..ty
            }
        } else {
            ty
        }
    }

    fn inferred(&mut self, expr: &Expr, expected: Option<&Expectation>) -> Ty {
        match &expr.kind {
            ExprKind::Null | ExprKind::Raise => Ty::null(),
            ExprKind::Integer => {
                let digits = self.written(expr);
                // A literal that outgrows 64 bits is a REAL; a hexadecimal one is refused by SQLite.
                let fits =
                    digits.starts_with("0x") || digits.replace('_', "").parse::<i64>().is_ok();
                Ty::new(if fits {
                    Storage::INTEGER
                } else {
                    Storage::INTEGER.or(Storage::OUTGROWN)
                })
            }
            ExprKind::Float => Ty::new(Storage::REAL),
            ExprKind::String(_) | ExprKind::CurrentTime => Ty::new(Storage::TEXT),
            ExprKind::Blob => Ty::new(Storage::BLOB),
            ExprKind::Parameter(index) => {
                if let Some(expected) = expected {
                    self.parameters
                        .expected(*index, expected.clone(), expr.span.clone());
                }
                self.parameters.ty(*index)
            }
            ExprKind::Column {
                table,
                name,
                quoted,
            } => self.column(table.as_ref(), name, *quoted),
            ExprKind::Collate(operand) => self.typed(operand, expected),
            ExprKind::Unary(sign, operand) => self.unary(*sign, operand, expected),
            ExprKind::Not(operand) => {
                let operand = self.condition(operand);
                Ty::boolean().null_with([&operand])
            }
            ExprKind::Binary(operator, left, right) => {
                self.binary(*operator, left, right, expected)
            }
            ExprKind::Is { left, right, .. } => {
                self.compare(left, right, Nulls::Welcome);
                Ty::boolean()
            }
            ExprKind::Like {
                left,
                matches,
                pattern,
                escape,
                ..
            } => {
                if !matches {
                    self.check_pattern(pattern);
                }
                let text = Expectation::storage(Storage::TEXT, "a pattern");
                let left = self.expr_as(left, &text);
                let pattern = self.expr_as(pattern, &text);
                if let Some(escape) = escape {
                    self.expr_as(escape, &text);
                }
                Ty::boolean().null_with([&left, &pattern])
            }
            ExprKind::Between {
                operand, low, high, ..
            } => {
                let (value, low) = self.compare(operand, low, Nulls::Silent);
                let (_, high) = self.compare(operand, high, Nulls::Silent);
                Ty::boolean().null_with([&value, &low, &high])
            }
            ExprKind::In { operand, list, .. } => self.in_list(operand, list),
            ExprKind::Exists(select) => {
                self.select(select);
                Ty::boolean()
            }
            ExprKind::Subquery(select) => {
                match self.select(select).into_iter().next() {
                    // Without GROUP BY an aggregate gives exactly one row.
                    Some(output) if self.single_row => output.ty,
                    Some(output) => output.ty.or_null("the subquery may find no row"),
                    None => Ty::null(),
                }
            }
            ExprKind::Case {
                operand,
                arms,
                otherwise,
            } => self.case(operand.as_deref(), arms, otherwise.as_deref(), expected),
            ExprKind::Cast(operand, declared) => {
                let storage = cast(declared);
                let expected = Expectation::storage(storage, "a CAST").nulls(Nulls::Silent);
                let operand = self.expr_as(operand, &expected);
                Ty::new(storage).null_with([&operand])
            }
            ExprKind::Function(function) => self.function(function, expected),
            ExprKind::Row(items) => {
                for item in items {
                    self.expr(item);
                }
                Ty::null()
            }
        }
    }

    /// D1 takes patterns of 50 bytes at most, and says so only when one is used.
    fn check_pattern(&mut self, pattern: &Expr) {
        if let ExprKind::String(text) = &pattern.kind
            && text.len() > bindery_sqlite::MAX_PATTERN_BYTES
        {
            let message = format!(
                "the pattern has {} bytes, D1 takes {}",
                text.len(),
                bindery_sqlite::MAX_PATTERN_BYTES
            );
            let help =
                "compare with `instr(column, 'text') > 0`, or search with an FTS5 table".to_owned();
            self.error(
                Code::Sqlite,
                message,
                &pattern.span,
                "too long for LIKE and GLOB",
                help,
            );
        }
    }

    /// An expression that is asked whether it is true.
    pub(super) fn condition(&mut self, expr: &Expr) -> Ty {
        let expected = Expectation {
            domain: Domain::Boolean,
            ..Expectation::storage(Storage::INTEGER, "a condition")
        };
        self.expr_as(expr, &expected)
    }

    fn unary(&mut self, sign: char, operand: &Expr, expected: Option<&Expectation>) -> Ty {
        let number = Expectation::storage(Storage::NUMERIC, "arithmetic").weak();
        let is_literal = matches!(operand.kind, ExprKind::Integer | ExprKind::Float);
        let operand = self.typed(operand, Some(expected.unwrap_or(&number)));
        match sign {
            '+' => operand,
            '~' => Ty::new(Storage::INTEGER).null_with([&operand]),
            // The smallest integer has no negative.
            _ if is_literal => Ty::new(number_of(&operand)),
            _ => Ty::new(outgrown(number_of(&operand))).null_with([&operand]),
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        expected: Option<&Expectation>,
    ) -> Ty {
        match operator {
            Operator::And | Operator::Or => {
                let (left, right) = (self.condition(left), self.condition(right));
                Ty::boolean().null_with([&left, &right])
            }
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessEqual
            | Operator::Greater
            | Operator::GreaterEqual => {
                let (left, right) = self.compare(left, right, Nulls::Silent);
                Ty::boolean().null_with([&left, &right])
            }
            Operator::Concat => {
                let text = Expectation::storage(Storage::TEXT, "text joined by ||");
                let (left, right) = (self.expr_as(left, &text), self.expr_as(right, &text));
                Ty::new(Storage::TEXT).null_with([&left, &right])
            }
            Operator::Extract | Operator::ExtractText => {
                let json = Expectation::storage(Storage::TEXT, "JSON text").weak();
                self.expr_as(left, &json);
                self.expr_as(right, &json);
                let storage = if operator == Operator::Extract {
                    Storage::TEXT
                } else {
                    Storage::ANY
                };
                Ty::new(storage).or_null("the JSON may not have it")
            }
            Operator::BitAnd | Operator::BitOr | Operator::ShiftLeft | Operator::ShiftRight => {
                let whole = Expectation::storage(Storage::INTEGER, "a bit operation");
                let (left, right) = (self.expr_as(left, &whole), self.expr_as(right, &whole));
                Ty::new(Storage::INTEGER).null_with([&left, &right])
            }
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Remainder => self.arithmetic(operator, left, right, expected),
        }
    }

    fn arithmetic(
        &mut self,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        expected: Option<&Expectation>,
    ) -> Ty {
        // A parameter takes the type of the other operand, else of the place of the whole.
        let fallback = || {
            let number = |expected: &&Expectation| {
                expected.storage.within(Storage::NUMERIC) && expected.storage != Storage::NONE
            };
            let outer = expected.filter(number).map(|expected| Expectation {
                nulls: Nulls::Silent,
                ..expected.clone()
            });
            outer.unwrap_or_else(|| Expectation::storage(Storage::NUMERIC, "arithmetic").weak())
        };
        let beside = |other: &Ty| {
            let storage = number_of(other);
            if other.storage == Storage::NONE {
                fallback()
            } else {
                Expectation {
                    domain: Domain::Any,
                    storage,
                    ..Expectation::compared(other)
                }
            }
        };
        let (left_ty, right_ty) = match (parameter(left), parameter(right)) {
            (Some(_), None) => {
                let right_ty = self.expr_as(right, &fallback());
                (self.expr_as(left, &beside(&right_ty)), right_ty)
            }
            (None, Some(_)) => {
                let left_ty = self.expr_as(left, &fallback());
                let right_ty = self.expr_as(right, &beside(&left_ty));
                (left_ty, right_ty)
            }
            _ => (
                self.expr_as(left, &fallback()),
                self.expr_as(right, &fallback()),
            ),
        };
        let (a, b) = (number_of(&left_ty), number_of(&right_ty));
        let whole = a.within(Storage::INTEGRAL) && b.within(Storage::INTEGRAL);
        let storage = match operator {
            Operator::Remainder => {
                if whole && !a.or(b).meets(Storage::WHOLE.or(Storage::OUTGROWN)) {
                    Storage::INTEGER
                } else {
                    Storage::INTEGRAL
                }
            }
            // A whole REAL divides as a REAL.
            Operator::Divide if whole && a.or(b).meets(Storage::WHOLE) => {
                Storage::INTEGER.or(Storage::REAL)
            }
            // Only the smallest integer outgrows, by -1.
            Operator::Divide
                if self.is_nonzero_literal(right) || left.kind == ExprKind::Integer =>
            {
                a.or(b)
            }
            _ if a.meets(Storage::INTEGER) && b.meets(Storage::INTEGER) => outgrown(a.or(b)),
            _ => a.or(b),
        };
        let ty = Ty::new(storage).null_with([&left_ty, &right_ty]);
        let divides = matches!(operator, Operator::Divide | Operator::Remainder);
        if divides && !self.is_nonzero_literal(right) {
            ty.or_null("division by zero gives NULL")
        } else {
            ty
        }
    }

    /// Whether an expression is a literal number other than zero; its digits are in the statement.
    fn is_nonzero_literal(&self, expr: &Expr) -> bool {
        let digits = self.text.get(expr.span.clone()).unwrap_or_default();
        matches!(expr.kind, ExprKind::Integer | ExprKind::Float)
            && digits.parse::<f64>().is_ok_and(|value| value != 0.0)
    }

    /// Both sides of a comparison: a parameter takes the type of the other side.
    pub(super) fn compare(&mut self, left: &Expr, right: &Expr, nulls: Nulls) -> (Ty, Ty) {
        if let (ExprKind::Row(lefts), ExprKind::Row(rights)) = (&left.kind, &right.kind) {
            let sides: Vec<(Ty, Ty)> = lefts
                .iter()
                .zip(rights)
                .map(|(left, right)| self.compare(left, right, nulls))
                .collect();
            let any = |pick: fn(&(Ty, Ty)) -> &Ty| {
                Ty::new(Storage::NONE).null_with(sides.iter().map(pick))
            };
            return (any(|side| &side.0), any(|side| &side.1));
        }
        let expected = |ty: &Ty| {
            let useful = ty.nullable || nulls == Nulls::Silent;
            Expectation::compared(ty).nulls(if useful { nulls } else { Nulls::Silent })
        };
        match (parameter(left), parameter(right)) {
            (Some(a), Some(b)) => {
                self.parameters.link(a, b);
                (self.expr(left), self.expr(right))
            }
            (Some(_), None) => {
                let other = self.expr(right);
                (self.expr_as(left, &expected(&other)), other)
            }
            (None, Some(_)) => {
                let other = self.expr(left);
                let ty = self.expr_as(right, &expected(&other));
                (other, ty)
            }
            (None, None) => {
                let left_ty = self.expr(left);
                let hint = Expectation::compared(&left_ty);
                let right_ty = self.expr_as(right, &hint);
                if has_parameter_arms(left) {
                    let hint = Expectation::compared(&right_ty);
                    return (self.expr_as(left, &hint), right_ty);
                }
                (left_ty, right_ty)
            }
        }
    }

    fn in_list(&mut self, operand: &Expr, list: &InList) -> Ty {
        match list {
            InList::Exprs(items) => {
                let mut value = self.expr(operand);
                if let [
                    item @ Expr {
                        kind: ExprKind::Parameter(_),
                        ..
                    },
                ] = items.as_slice()
                {
                    let expected = Expectation {
                        list: true,
                        ..Expectation::compared(&value)
                    };
                    self.expr_as(item, &expected);
                    return Ty::boolean().null_with([&value]);
                }
                let mut sides = Vec::new();
                for item in items {
                    let (left, right) = self.compare(operand, item, Nulls::Silent);
                    value = left;
                    sides.push(right);
                }
                Ty::boolean().null_with(std::iter::once(&value).chain(&sides))
            }
            InList::Select(select) => {
                let outputs = self.select(select);
                let value = match outputs.first() {
                    Some(output) if outputs.len() == 1 => {
                        self.expr_as(operand, &Expectation::compared(&output.ty))
                    }
                    _ => self.expr(operand),
                };
                let rows_can_be_null = matches!(operand.kind, ExprKind::Row(_));
                let ty = Ty::boolean().null_with(
                    std::iter::once(&value).chain(outputs.iter().map(|output| &output.ty)),
                );
                if rows_can_be_null {
                    ty.or_null("a part of the row can be NULL")
                } else {
                    ty
                }
            }
            InList::Table(source) => {
                let mut scope = Scope::default();
                self.source(source, &mut scope);
                let columns = scope
                    .relations
                    .iter()
                    .flat_map(|relation| &relation.columns)
                    .filter(|column| !column.hidden);
                let columns: Vec<&Ty> = columns.map(|column| &column.ty).collect();
                let value = match columns.as_slice() {
                    [column] => self.expr_as(operand, &Expectation::compared(column)),
                    _ => self.expr(operand),
                };
                Ty::boolean().null_with(std::iter::once(&value).chain(columns))
            }
        }
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        arms: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        expected: Option<&Expectation>,
    ) -> Ty {
        let known = self.scope().facts.len();
        let mut result: Option<Ty> = None;
        let results: Vec<&Expr> = arms.iter().map(|(_, then)| then).chain(otherwise).collect();
        // A parameter among the arms takes the type of the others, unless the place says more.
        let sibling = results
            .iter()
            .find(|result| parameter(result).is_none())
            .map(|result| self.probe(result));
        let inner = expected.cloned().or_else(|| {
            sibling.map(|ty| {
                Expectation {
                    nulls: Nulls::Silent,
                    ..Expectation::compared(&ty)
                }
                .weak()
            })
        });
        for (when, then) in arms {
            let facts = match operand {
                Some(operand) => {
                    match (parameter(operand), &when.kind) {
                        (Some(index), ExprKind::String(text)) => {
                            let chosen = Expectation::storage(Storage::TEXT, "a CASE that chooses");
                            self.parameters.expected(
                                index,
                                Expectation {
                                    chosen: Some(text.clone()),
                                    ..chosen
                                },
                                operand.span.clone(),
                            );
                        }
                        _ => {
                            self.compare(operand, when, Nulls::Silent);
                        }
                    }
                    Vec::new()
                }
                None => {
                    self.condition(when);
                    narrow::when_true(self.scope(), when)
                }
            };
            // What the arm's condition tells holds in that arm alone.
            let before = self.scope().facts.len();
            self.scope().facts.extend(facts);
            let ty = self.typed(then, inner.as_ref());
            self.scope().facts.truncate(before);
            result = Some(match result {
                Some(result) => result.join(ty),
                None => ty,
            });
            // The next arm is reached only where this condition does not hold.
            if operand.is_none() {
                let facts = narrow::when_not_true(self.scope(), when);
                self.scope().facts.extend(facts);
            }
        }
        let result = result.unwrap_or_else(Ty::null);
        let ty = match otherwise {
            Some(otherwise) => result.join(self.typed(otherwise, inner.as_ref())),
            None => result.or_null("the CASE has no ELSE"),
        };
        self.scope().facts.truncate(known);
        Ty { origin: None, ..ty }
    }

    /// The type of an expression, without noting anything.
    pub(super) fn probe(&mut self, expr: &Expr) -> Ty {
        let diagnostics = self.diagnostics.len();
        let ty = self.expr(expr);
        self.diagnostics.truncate(diagnostics);
        ty
    }

    fn column(&mut self, table: Option<&Ident>, name: &Ident, quoted: bool) -> Ty {
        let mut candidates = Vec::new();
        for scope in self.scopes.iter().rev() {
            match scope.find(table, name) {
                Found::Column(ty) => return ty,
                Found::Ambiguous(holders) => {
                    let help = format!(
                        "write `{}.{}`",
                        holders.first().map_or("", String::as_str),
                        name.text
                    );
                    let label = format!("in {}", holders.join(" and "));
                    self.error(
                        Code::Ambiguous,
                        format!("`{}` is ambiguous", name.text),
                        &name.span,
                        label,
                        help,
                    );
                    return Ty::null();
                }
                Found::NoColumn(names) => {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    let help = suggestion(&name.text, "columns", &names);
                    let relation = table.map_or("", |table| table.text.as_str());
                    let message = format!("`{relation}` has no column `{}`", name.text);
                    self.error(
                        Code::UnknownColumn,
                        message,
                        &name.span,
                        "no such column",
                        help,
                    );
                    return Ty::null();
                }
                Found::Nothing => candidates.extend(scope.column_names()),
            }
        }
        if table.is_none() && ["true", "false"].iter().any(|word| name.is(word)) {
            return Ty::boolean();
        }
        if let Some(table) = table {
            self.unknown_qualifier(table);
            return Ty::null();
        }
        let mut names: Vec<&str> = candidates.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let mut help = suggestion(&name.text, "columns", &names);
        if quoted {
            help = format!(
                "{help}; a string is written in single quotes: '{}'",
                name.text
            );
        }
        // A table that is unknown or not understood itself has been reported; its columns would be noise.
        let told = [Code::UnknownTable, Code::Unsupported];
        if self
            .diagnostics
            .iter()
            .all(|diagnostic| !told.contains(&diagnostic.code))
        {
            self.error(
                Code::UnknownColumn,
                format!("there is no column `{}`", name.text),
                &name.span,
                "no such column",
                help,
            );
        }
        Ty::null()
    }

    pub(super) fn unknown_qualifier(&mut self, table: &Ident) {
        if self
            .diagnostics
            .iter()
            .any(|diagnostic| [Code::UnknownTable, Code::Unsupported].contains(&diagnostic.code))
        {
            return;
        }
        let names: Vec<String> = self
            .scopes
            .iter()
            .flat_map(|scope| scope.relations.iter().map(|relation| relation.name.clone()))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let help = suggestion(&table.text, "tables of this query", &names);
        self.error(
            Code::UnknownTable,
            format!("the query has no table `{}`", table.text),
            &table.span,
            "not in the FROM clause",
            help,
        );
    }
}

/// The parameter that an expression is.
pub(super) fn parameter(expr: &Expr) -> Option<usize> {
    match &expr.kind {
        ExprKind::Parameter(index) => Some(*index),
        ExprKind::Collate(operand) => parameter(operand),
        _ => None,
    }
}

/// Whether an expression gives one of several values, a parameter among them.
fn has_parameter_arms(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Case { .. } | ExprKind::Unary(..) => true,
        ExprKind::Function(function) => function
            .arguments
            .iter()
            .any(|argument| parameter(argument).is_some()),
        _ => false,
    }
}

/// Integers that may outgrow 64 bits.
fn outgrown(storage: Storage) -> Storage {
    if storage.meets(Storage::INTEGER) {
        storage.or(Storage::OUTGROWN)
    } else {
        storage
    }
}

/// What an operand becomes in arithmetic.
pub(super) fn number_of(ty: &Ty) -> Storage {
    if ty.storage.within(Storage::NUMERIC) {
        return ty.storage;
    }
    // Text and blobs are read as a number of either kind.
    Storage::INTEGER.or(Storage::REAL)
}
