//! Expressions: the type of each, and the types that it implies for the parameters in it.

use crate::report::{Code, suggestion};

use super::analyzer::Analyzer;
use super::narrow;
use super::parameters::{Expectation, Nulls};
use super::scope::{Found, Scope};
use super::types::{Domain, Storage, Ty, cast};
use crate::syntax::ast::{Expr, ExprKind, Ident, InList, Select, Source};

impl Analyzer<'_> {
    /// The type of an expression whose context expects no type.
    pub(super) fn expr(&mut self, expr: &Expr) -> Ty {
        self.typed(expr, None)
    }

    /// The type of an expression whose context expects a type.
    pub(super) fn expr_as(&mut self, expr: &Expr, expected: &Expectation) -> Ty {
        self.typed(expr, Some(expected))
    }

    fn typed(&mut self, expr: &Expr, expected: Option<&Expectation>) -> Ty {
        let ty = self.inferred(expr, expected);
        let is_column = matches!(expr.kind, ExprKind::Column { .. });
        if !ty.nullable || is_column || self.scope().present.is_empty() {
            return ty;
        }

        // WHERE or HAVING can exclude the rows for which this same expression is NULL.
        let written = self.written(expr).to_owned();
        if self.scope().present.contains(&written) {
            ty.not_null()
        } else {
            ty
        }
    }

    fn inferred(&mut self, expr: &Expr, expected: Option<&Expectation>) -> Ty {
        match &expr.kind {
            ExprKind::Null | ExprKind::Raise => Ty::null(),
            ExprKind::Integer => self.integer(expr),
            ExprKind::Float => Ty::new(Storage::REAL),
            ExprKind::String(_) | ExprKind::CurrentTime => Ty::new(Storage::TEXT),
            ExprKind::Blob => Ty::new(Storage::BLOB),
            ExprKind::Parameter(index) => {
                if let Some(expected) = expected {
                    let span = expr.span.clone();
                    self.parameters.expected(*index, expected.clone(), span);
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
                self.like(left, pattern, escape.as_deref())
            }
            ExprKind::Between {
                operand, low, high, ..
            } => {
                let (value, low) = self.compare(operand, low, Nulls::Silent);
                let (_, high) = self.compare(operand, high, Nulls::Silent);
                Ty::boolean().null_with([&value, &low, &high])
            }
            ExprKind::In { operand, list, .. } => match list {
                InList::Exprs(items) => self.in_exprs(operand, items),
                InList::Select(select) => self.in_select(operand, select),
                InList::Table(source) => self.in_table(operand, source),
            },
            ExprKind::Exists(select) => {
                self.select(select);
                Ty::boolean()
            }
            ExprKind::Subquery(select) => self.subquery(select),
            ExprKind::Case {
                operand,
                arms,
                otherwise,
            } => self.case(operand.as_deref(), arms, otherwise.as_deref(), expected),
            ExprKind::Cast(operand, declared) => {
                let storage = cast(declared);
                let operand = self.expr_as(operand, &Expectation::storage(storage, "a CAST"));
                let ty = Ty::new(storage).null_with([&operand]);
                ty.with_json(
                    operand
                        .json
                        .filter(|_| storage == Storage::TEXT)
                        .map(|json| *json),
                )
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

    /// The type of an integer literal.
    fn integer(&self, literal: &Expr) -> Ty {
        let digits = self.written(literal);
        // SQLite reads a decimal literal that does not fit in 64 bits as a REAL, and rejects such
        // a hexadecimal one.
        let fits = digits.starts_with("0x") || digits.replace('_', "").parse::<i64>().is_ok();
        Ty::new(if fits {
            Storage::INTEGER
        } else {
            Storage::INTEGER.or(Storage::OUTGROWN)
        })
    }

    /// `LIKE`, `GLOB`, `MATCH` and `REGEXP`.
    fn like(&mut self, left: &Expr, pattern: &Expr, escape: Option<&Expr>) -> Ty {
        let text = Expectation::storage(Storage::TEXT, "a pattern");
        let left = self.expr_as(left, &text);
        let pattern = self.expr_as(pattern, &text);
        let escape = escape.map(|escape| self.expr_as(escape, &text));
        Ty::boolean().null_with([&left, &pattern].into_iter().chain(&escape))
    }

    /// Reports a literal pattern that is longer than D1 allows, which would fail only when it is
    /// used.
    fn check_pattern(&mut self, pattern: &Expr) {
        let limit = bindery_sqlite::MAX_PATTERN_BYTES;
        if let ExprKind::String(text) = &pattern.kind
            && text.len() > limit
        {
            let length = text.len();
            let help = "compare with `instr(column, 'text') > 0`, or search with an FTS5 table";
            self.error(
                Code::Sqlite,
                format!("the pattern has {length} bytes, but D1 allows at most {limit}"),
                &pattern.span,
                "too long for LIKE and GLOB",
                help.to_owned(),
            );
        }
    }

    /// The type of a condition: of WHERE, of HAVING, or an operand of AND.
    pub(super) fn condition(&mut self, expr: &Expr) -> Ty {
        let expected = Expectation {
            domain: Domain::Boolean,
            ..Expectation::storage(Storage::INTEGER, "a condition")
        };
        self.expr_as(expr, &expected)
    }

    /// `operand IN (item, ...)`
    fn in_exprs(&mut self, operand: &Expr, items: &[Expr]) -> Ty {
        let mut value = self.expr(operand);
        if let [item] = items
            && matches!(item.kind, ExprKind::Parameter(_))
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

    /// `operand IN (SELECT ...)`
    fn in_select(&mut self, operand: &Expr, select: &Select) -> Ty {
        let outputs = self.select(select);
        let value = match outputs.as_slice() {
            [output] => self.expr_as(operand, &Expectation::compared(&output.ty)),
            _ => self.expr(operand),
        };

        let outputs = outputs.iter().map(|output| &output.ty);
        let ty = Ty::boolean().null_with(std::iter::once(&value).chain(outputs));
        if matches!(operand.kind, ExprKind::Row(_)) {
            ty.or_null("a part of the row can be NULL")
        } else {
            ty
        }
    }

    /// `operand IN table`
    fn in_table(&mut self, operand: &Expr, source: &Source) -> Ty {
        let mut scope = Scope::default();
        self.source(source, &mut scope);
        self.table_arguments(&mut scope);
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

    /// A subquery whose value is that of its first row.
    fn subquery(&mut self, select: &Select) -> Ty {
        match self.select(select).into_iter().next() {
            // An aggregate without GROUP BY returns exactly one row.
            Some(output) if self.single_row => output.ty,
            Some(output) => output.ty.or_null("the subquery may return no rows"),
            None => Ty::null(),
        }
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        arms: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        expected: Option<&Expectation>,
    ) -> Ty {
        let outside = self.scope().begin_condition();
        // A parameter among the results has the type of the others, unless the context expects one.
        let mut results = arms.iter().map(|(_, then)| then).chain(otherwise);
        let sibling = results
            .find(|result| parameter(result).is_none())
            .map(|result| self.probe(result));
        let inner = expected
            .cloned()
            .or_else(|| sibling.map(|ty| Expectation::compared(&ty).weak()));

        let mut result: Option<Ty> = None;
        for (when, then) in arms {
            let facts = match operand {
                Some(operand) => {
                    self.compare_case(operand, when);
                    Vec::new()
                }
                None => {
                    self.condition(when);
                    narrow::when_true(self.scope(), when)
                }
            };

            // The facts of the arm's condition hold only in that arm.
            let before = self.scope().known();
            self.scope().keep_only(facts);
            let ty = self.typed(then, inner.as_ref());
            self.scope().set_known(before);
            result = Some(match result {
                Some(result) => result.join(ty),
                None => ty,
            });

            // The next arm is reached only where this condition does not hold.
            if operand.is_none() {
                let facts = narrow::when_not_true(self.scope(), when);
                self.scope().keep_only(facts);
            }
        }

        let result = result.unwrap_or_else(Ty::null);
        let ty = match otherwise {
            Some(otherwise) => result.join(self.typed(otherwise, inner.as_ref())),
            None => result.or_null("the CASE has no ELSE"),
        };
        self.scope().end_condition(outside);
        Ty { origin: None, ..ty }
    }

    /// `CASE operand WHEN when`
    fn compare_case(&mut self, operand: &Expr, when: &Expr) {
        let (Some(index), ExprKind::String(text)) = (parameter(operand), &when.kind) else {
            self.compare(operand, when, Nulls::Silent);
            return;
        };
        let expected = Expectation {
            chosen: Some(text.clone()),
            ..Expectation::storage(Storage::TEXT, "the operand of a CASE")
        };
        self.parameters
            .expected(index, expected, operand.span.clone());
    }

    /// The type of an expression, without its diagnostics.
    pub(super) fn probe(&mut self, expr: &Expr) -> Ty {
        let diagnostics = self.diagnostics.len();
        let ty = self.expr(expr);
        self.diagnostics.truncate(diagnostics);
        ty
    }

    /// The type of a column, which the innermost level that has the name defines.
    fn column(&mut self, table: Option<&Ident>, name: &Ident, quoted: bool) -> Ty {
        let mut candidates = Vec::new();
        for (level, scope) in self.scopes.iter().enumerate().rev() {
            match scope.find(table, name) {
                Found::Column(ty) => return ty,
                Found::Ambiguous(holders) => return self.ambiguous(name, &holders),
                Found::NoColumn(names) => return self.no_column_of(table, name, &names),
                Found::Nothing => candidates.extend(scope.column_names()),
            }
            let mut named = scope.named.iter();
            let named = named.find(|(alias, _)| table.is_none() && name.is(alias));
            if let Some((_, expr)) = named {
                let expr = expr.clone();
                return self.result_expr(level, &expr);
            }
        }

        if let Some(table) = table {
            self.unknown_qualifier(table);
            return Ty::null();
        }
        if name.is("true") || name.is("false") {
            return Ty::boolean();
        }
        self.no_column(name, quoted, &candidates)
    }

    /// The type of a result column that WHERE or ON names. `level` is the query of the column.
    fn result_expr(&mut self, level: usize, expr: &Expr) -> Ty {
        let inner = self.scopes.split_off(level + 1);
        // The column itself cannot name another one.
        let named = std::mem::take(&mut self.scope().named);
        let ty = self.expr(expr);
        self.scope().named = named;
        self.scopes.extend(inner);
        ty
    }

    fn ambiguous(&mut self, name: &Ident, holders: &[String]) -> Ty {
        let holder = holders.first().map_or("", String::as_str);
        self.error(
            Code::Ambiguous,
            format!("`{}` is ambiguous", name.text),
            &name.span,
            format!("in {}", holders.join(" and ")),
            format!("write `{holder}.{}`", name.text),
        );
        Ty::null()
    }

    /// Reports a column that the relation it is qualified with does not have.
    fn no_column_of(&mut self, table: Option<&Ident>, name: &Ident, columns: &[String]) -> Ty {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let relation = table.map_or("", |table| table.text.as_str());
        self.error(
            Code::UnknownColumn,
            format!("`{relation}` has no column `{}`", name.text),
            &name.span,
            "no such column",
            suggestion(&name.text, "columns", &columns),
        );
        Ty::null()
    }

    /// Reports a column that no relation has.
    fn no_column(&mut self, name: &Ident, quoted: bool, candidates: &[String]) -> Ty {
        if self.reported_a_table() {
            return Ty::null();
        }

        let mut candidates: Vec<&str> = candidates.iter().map(String::as_str).collect();
        candidates.sort_unstable();
        candidates.dedup();
        let mut help = suggestion(&name.text, "columns", &candidates);
        if quoted {
            let hint = format!("a string is written in single quotes: '{}'", name.text);
            help = format!("{help}; {hint}");
        }
        self.error(
            Code::UnknownColumn,
            format!("there is no column `{}`", name.text),
            &name.span,
            "no such column",
            help,
        );
        Ty::null()
    }

    /// Reports a qualifier that is not a relation of the query.
    pub(super) fn unknown_qualifier(&mut self, table: &Ident) {
        if self.reported_a_table() {
            return;
        }

        let mut names: Vec<&str> = Vec::new();
        for scope in &self.scopes {
            names.extend(
                scope
                    .relations
                    .iter()
                    .map(|relation| relation.name.as_str()),
            );
        }
        let help = suggestion(&table.text, "tables of this query", &names);
        self.error(
            Code::UnknownTable,
            format!("the query has no table `{}`", table.text),
            &table.span,
            "not in the FROM clause",
            help,
        );
    }

    /// Whether a table was reported as unknown or unsupported. Further errors about its columns
    /// would only repeat that one.
    fn reported_a_table(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| matches!(diagnostic.code, Code::UnknownTable | Code::Unsupported))
    }
}

/// The parameter that an expression consists of.
pub(super) fn parameter(expr: &Expr) -> Option<usize> {
    match &expr.kind {
        ExprKind::Parameter(index) => Some(*index),
        ExprKind::Collate(operand) => parameter(operand),
        _ => None,
    }
}
