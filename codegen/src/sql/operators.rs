//! Operators: the type of the result, and the types that the operands imply for parameters.

use super::analyzer::Analyzer;
use super::expr::parameter;
use super::json::Json;
use super::parameters::{Expectation, Nulls};
use super::types::{Domain, Storage, Ty};
use crate::syntax::ast::{Expr, ExprKind, Function, Operator};

impl Analyzer<'_> {
    pub(super) fn unary(
        &mut self,
        sign: char,
        operand: &Expr,
        expected: Option<&Expectation>,
    ) -> Ty {
        let number = Expectation::storage(Storage::NUMERIC, "arithmetic").weak();
        let is_literal = matches!(operand.kind, ExprKind::Integer | ExprKind::Float);
        let operand = self.expr_as(operand, expected.unwrap_or(&number));
        match sign {
            '+' => operand,
            '~' => Ty::new(Storage::INTEGER).null_with([&operand]),
            _ if is_literal => Ty::new(number_of(&operand)),
            // The negative of the smallest integer does not fit in 64 bits.
            _ => Ty::new(outgrown(number_of(&operand))).null_with([&operand]),
        }
    }

    pub(super) fn binary(
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
                let text = Expectation::storage(Storage::TEXT, "an operand of ||");
                let (left, right) = (self.expr_as(left, &text), self.expr_as(right, &text));
                Ty::new(Storage::TEXT).null_with([&left, &right])
            }
            Operator::Extract => {
                let ty = self.extract(left, right, Storage::TEXT);
                ty.with_json(Some(Json::Unknown))
            }
            Operator::ExtractText => self.extract(left, right, Storage::ANY),
            Operator::BitAnd | Operator::BitOr | Operator::ShiftLeft | Operator::ShiftRight => {
                let whole = Expectation::storage(Storage::INTEGER, "a bitwise operation");
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

    /// `json -> path` and `json ->> path`.
    fn extract(&mut self, left: &Expr, right: &Expr, storage: Storage) -> Ty {
        let json = Expectation::storage(Storage::TEXT, "JSON text").weak();
        self.expr_as(left, &json);
        self.expr_as(right, &json);
        Ty::new(storage).or_null("the JSON may not contain the value")
    }

    fn arithmetic(
        &mut self,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        expected: Option<&Expectation>,
    ) -> Ty {
        // A parameter has the type of the other operand, or else of the whole expression's context.
        let fallback = arithmetic_expectation(expected);
        let (left_ty, right_ty) = match (parameter(left), parameter(right)) {
            (Some(_), None) => {
                let right_ty = self.expr_as(right, &fallback);
                let left_ty = self.expr_as(left, &beside(&right_ty, fallback));
                (left_ty, right_ty)
            }
            (None, Some(_)) => {
                let left_ty = self.expr_as(left, &fallback);
                let right_ty = self.expr_as(right, &beside(&left_ty, fallback));
                (left_ty, right_ty)
            }
            (None, None) | (Some(_), Some(_)) => {
                let left_ty = self.expr_as(left, &fallback);
                let right_ty = self.expr_as(right, &fallback);
                (left_ty, right_ty)
            }
        };

        let by_nonzero = self.is_nonzero_divisor(operator, right);
        let storage = if operator == Operator::Remainder {
            remainder(&left_ty, &right_ty)
        } else {
            let in_range =
                operator == Operator::Divide && (by_nonzero || left.kind == ExprKind::Integer);
            arithmetic_storage(operator, &left_ty, &right_ty, in_range)
        };
        let ty = Ty::new(storage).null_with([&left_ty, &right_ty]);

        let divides = matches!(operator, Operator::Divide | Operator::Remainder);
        if divides && !by_nonzero {
            ty.or_null("division by zero returns NULL")
        } else {
            ty
        }
    }

    /// Whether `operator` can divide by an expression that is not NULL: `%` ignores the fraction.
    fn is_nonzero_divisor(&mut self, operator: Operator, expr: &Expr) -> bool {
        let least = if operator == Operator::Remainder {
            1.0
        } else {
            f64::MIN_POSITIVE
        };

        match &expr.kind {
            ExprKind::Integer | ExprKind::Float => {
                let digits = self.written(expr).replace('_', "");
                let is_hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
                if is_hexadecimal {
                    digits[2..].bytes().any(|digit| digit != b'0')
                } else {
                    digits.parse::<f64>().is_ok_and(|value| value >= least)
                }
            }
            ExprKind::Unary('-' | '+', operand) => self.is_nonzero_divisor(operator, operand),
            ExprKind::Function(function) => self.is_nonzero_call(operator, function),
            _ => false,
        }
    }

    /// Whether a call is never zero: `count(*)` of a group, and `max(x, 1)` of numbers.
    fn is_nonzero_call(&mut self, operator: Operator, function: &Function) -> bool {
        let is_plain = function.over.is_none() && function.filter.is_none();
        if function.star && function.name.is("count") && is_plain {
            // The level of a query without GROUP BY can be read without rows.
            let scope = self.scope();
            return scope.is_grouped;
        }

        let arguments = &function.arguments;
        function.name.is("max")
            && arguments.len() > 1
            && arguments.iter().all(|argument| {
                let ty = self.probe(argument);
                ty.storage != Storage::NONE && ty.storage.within(Storage::NUMERIC)
            })
            && arguments.iter().any(|argument| {
                let is_literal = matches!(argument.kind, ExprKind::Integer | ExprKind::Float);
                is_literal && self.is_nonzero_divisor(operator, argument)
            })
    }

    /// The types of both sides of a comparison: a parameter has the type of the other side.
    pub(super) fn compare(&mut self, left: &Expr, right: &Expr, nulls: Nulls) -> (Ty, Ty) {
        if let (ExprKind::Row(lefts), ExprKind::Row(rights)) = (&left.kind, &right.kind) {
            return self.compare_rows(lefts, rights, nulls);
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
                let right_ty = self.expr(right);
                let left_ty = self.expr_as(left, &expected(&right_ty));
                (left_ty, right_ty)
            }
            (None, Some(_)) => {
                let left_ty = self.expr(left);
                let right_ty = self.expr_as(right, &expected(&left_ty));
                (left_ty, right_ty)
            }
            (None, None) if takes_type(left) && !takes_type(right) => {
                let right_ty = self.expr(right);
                let left_ty = self.expr_as(left, &Expectation::compared(&right_ty));
                (left_ty, right_ty)
            }
            (None, None) => {
                let left_ty = self.expr(left);
                let right_ty = self.expr_as(right, &Expectation::compared(&left_ty));
                (left_ty, right_ty)
            }
        }
    }

    /// Compares row values item by item. The types that it returns only report whether the sides
    /// can contain NULL.
    fn compare_rows(&mut self, lefts: &[Expr], rights: &[Expr], nulls: Nulls) -> (Ty, Ty) {
        let mut sides = Vec::new();
        for (left, right) in lefts.iter().zip(rights) {
            sides.push(self.compare(left, right, nulls));
        }

        let row = Ty::new(Storage::NONE);
        let left = row.clone().null_with(sides.iter().map(|(left, _)| left));
        let right = row.null_with(sides.iter().map(|(_, right)| right));
        (left, right)
    }
}

/// The storage classes of an operand after arithmetic converts it to a number.
pub(super) fn number_of(ty: &Ty) -> Storage {
    if ty.storage.within(Storage::NUMERIC) {
        return ty.storage;
    }
    // Text and blobs convert to either kind of number.
    Storage::INTEGER.or(Storage::REAL)
}

/// The expectation of arithmetic for an operand: the type of the context if it is a number.
fn arithmetic_expectation(expected: Option<&Expectation>) -> Expectation {
    match expected {
        Some(expected)
            if expected.storage.within(Storage::NUMERIC) && expected.storage != Storage::NONE =>
        {
            expected.clone().nulls(Nulls::Silent)
        }
        _ => Expectation::storage(Storage::NUMERIC, "arithmetic").weak(),
    }
}

/// The expectation of arithmetic for a parameter whose other operand is `other`.
///
/// `context` is what the whole expression is expected to be. Beside a REAL column, `:x * 2` can
/// have a fraction, so `:x` can.
fn beside(other: &Ty, context: Expectation) -> Expectation {
    if other.storage == Storage::NONE {
        return context;
    }
    let fraction = context.storage.only(Storage::REAL);
    let storage = number_of(other);
    Expectation {
        domain: Domain::Any,
        storage: if context.weak {
            storage
        } else {
            storage.or(fraction)
        },
        ..Expectation::compared(other)
    }
}

/// The storage classes of a remainder.
fn remainder(left: &Ty, right: &Ty) -> Storage {
    let either = number_of(left).or(number_of(right));
    if either.within(Storage::INTEGRAL) && !either.meets(Storage::WHOLE.or(Storage::OUTGROWN)) {
        Storage::INTEGER
    } else {
        Storage::INTEGRAL
    }
}

/// The storage classes of a sum, difference, product or quotient.
///
/// `in_range`: the quotient of integers fits in 64 bits. Only the smallest integer divided by -1
/// does not.
fn arithmetic_storage(operator: Operator, left: &Ty, right: &Ty, in_range: bool) -> Storage {
    let (left, right) = (number_of(left), number_of(right));
    let either = left.or(right);
    let whole = either.within(Storage::INTEGRAL);

    // A REAL that is whole divides as a REAL.
    if operator == Operator::Divide && whole && either.meets(Storage::WHOLE) {
        return Storage::INTEGER.or(Storage::REAL);
    }
    if left == Storage::REAL || right == Storage::REAL {
        return Storage::REAL;
    }
    let integers = left.meets(Storage::INTEGER) && right.meets(Storage::INTEGER);
    if integers && !in_range {
        outgrown(either)
    } else {
        either
    }
}

/// Whether the type of a parameter in an expression depends on what the expression is expected to
/// be: in arithmetic, or as one of the values that a CASE or a call returns.
fn takes_type(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Parameter(_) => true,
        ExprKind::Unary(_, operand) | ExprKind::Collate(operand) => takes_type(operand),
        ExprKind::Binary(
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Remainder,
            left,
            right,
        ) => takes_type(left) || takes_type(right),
        ExprKind::Case {
            arms, otherwise, ..
        } => arms
            .iter()
            .map(|(_, then)| then)
            .chain(otherwise.as_deref())
            .any(takes_type),
        ExprKind::Function(function) => function.arguments.iter().any(takes_type),
        _ => false,
    }
}

/// Adds the REAL that an integer becomes when it does not fit in 64 bits.
fn outgrown(storage: Storage) -> Storage {
    if storage.meets(Storage::INTEGER) {
        storage.or(Storage::OUTGROWN)
    } else {
        storage
    }
}
