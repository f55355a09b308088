//! The parts of a statement that depend on the arguments.

use crate::syntax::ast::{
    Bytes, Core, Expr, ExprKind, Join, Operator, Parameter, Select, Source, Statement, Update,
};
use crate::syntax::visit::{self, Node};

use bindery_sqlite::template::Piece;
use bindery_sqlite::token::{Kind, tokenize};

use super::{Choice, Sort};
use crate::sql::expr::parameter;
use crate::sql::page::PageSpot;
use crate::sql::parameters::{Parts, Role};

/// A part of the text that depends on a choice.
pub(super) enum Spot {
    /// A condition, split at AND.
    Conditions { span: Bytes, items: Vec<Condition> },
    /// A term of ORDER BY, and the text of each of its arms.
    Order {
        span: Bytes,
        choice: usize,
        arms: Vec<(Bytes, &'static str)>,
    },
    /// The assignments of an UPDATE.
    Assignments { span: Bytes, items: Vec<Assigned> },
    /// The WHERE of a page, or the place for it before ORDER BY.
    After {
        span: Bytes,
        choice: usize,
        condition: Vec<Piece<String>>,
        has_filter: bool,
    },
}

/// An operand of AND.
pub(super) struct Condition {
    pub(super) span: Bytes,
    /// The choice whether it is present, and the operands of OR that then remain.
    pub(super) optional: Option<(usize, Vec<Bytes>)>,
}

/// An assignment of an UPDATE.
pub(super) struct Assigned {
    pub(super) span: Bytes,
    pub(super) column: Bytes,
    /// The choice of its value.
    pub(super) optional: Option<usize>,
}

impl Spot {
    pub(super) fn span(&self) -> &Bytes {
        match self {
            Self::Conditions { span, .. }
            | Self::Order { span, .. }
            | Self::Assignments { span, .. }
            | Self::After { span, .. } => span,
        }
    }
}

/// Finds the parts that depend on a choice.
pub(super) struct Finder<'a> {
    pub(super) text: &'a str,
    pub(super) declared: &'a [Parameter],
    pub(super) parts: &'a mut Parts,
    pub(super) choices: Vec<Choice>,
    pub(super) spots: Vec<Spot>,
}

impl Finder<'_> {
    pub(super) fn statement(&mut self, statement: &Statement, patch: bool) {
        let mut selects: Vec<&Select> = Vec::new();
        let mut joins: Vec<&Join> = Vec::new();
        visit::statement(statement, &mut |node| {
            match node {
                Node::Select(select) => selects.push(select),
                Node::Source(Source::Join(join)) => joins.push(join),
                Node::Source(_) | Node::Expr(_) => {}
            }
            true
        });

        match statement {
            Statement::Update(update) => {
                self.condition(update.filter.as_ref());
                if patch {
                    self.assignments(update);
                }
            }
            Statement::Delete(delete) => self.condition(delete.filter.as_ref()),
            Statement::Select(_) | Statement::Insert(_) | Statement::Other => {}
        }
        for select in &selects {
            for core in &select.cores {
                if let Core::Query(query) = core {
                    self.condition(query.filter.as_ref());
                    self.condition(query.having.as_ref());
                }
            }
        }
        for join in joins {
            self.condition(join.on.as_ref());
        }
        self.orders(&selects);
    }

    /// Adds the optional operands of AND in a condition.
    fn condition(&mut self, condition: Option<&Expr>) {
        let Some(condition) = condition else { return };
        let mut operands = Vec::new();
        split(condition, Operator::And, &mut operands);

        let items: Vec<Condition> = operands
            .into_iter()
            .map(|operand| Condition {
                span: operand.span.clone(),
                optional: self.optional(operand),
            })
            .collect();
        if items.iter().any(|item| item.optional.is_some()) {
            let span = condition.span.clone();
            self.spots.push(Spot::Conditions { span, items });
        }
    }

    /// The choice of `:x IS NULL OR rest`, and the rest.
    fn optional(&mut self, operand: &Expr) -> Option<(usize, Vec<Bytes>)> {
        let mut alternatives = Vec::new();
        split(operand, Operator::Or, &mut alternatives);
        let (mut parameters, mut rest) = (Vec::new(), Vec::new());
        for alternative in alternatives {
            match tested_parameter(alternative) {
                Some(index) => parameters.push(index),
                None => rest.push(alternative.span.clone()),
            }
        }

        let are_nullable = parameters
            .iter()
            .all(|index| self.parts.parameters[*index].nullable);
        if parameters.is_empty() || rest.is_empty() || !are_nullable {
            return None;
        }
        parameters.sort_unstable();
        parameters.dedup();
        Some((self.choose(Choice::Filter(parameters)), rest))
    }

    /// The number of a choice, which several parts can depend on.
    fn choose(&mut self, choice: Choice) -> usize {
        let known = self.choices.iter().position(|known| *known == choice);
        known.unwrap_or_else(|| {
            self.choices.push(choice);
            self.choices.len() - 1
        })
    }

    /// Adds the choice whether the statement continues after a row.
    pub(super) fn page(&mut self, spot: &PageSpot) {
        let choice = self.choices.len();
        self.choices.push(Choice::After);
        let after = Spot::After {
            span: spot.filter.clone().unwrap_or(spot.order.clone()),
            choice,
            condition: spot.page.condition(self.declared.len()),
            has_filter: spot.filter.is_some(),
        };
        // Its span can be that of the optional conditions, which are inside it.
        self.spots.insert(0, after);
    }

    /// Adds the terms of ORDER BY that a parameter chooses, if it chooses nothing else. Its type
    /// has to be an enum of the texts: with any other text, there would be no term.
    fn orders(&mut self, selects: &[&Select]) {
        let terms = selects.iter().flat_map(|select| &select.order_by);
        let terms: Vec<Term<'_>> = terms
            .filter_map(|expr| Term::new(self.text, expr))
            .collect();

        for term in &terms {
            let same = terms
                .iter()
                .filter(|other| other.parameter == term.parameter);
            let uses = self.declared[term.parameter].spans.len();
            let all_specialize = same.clone().all(|term| term.can_specialize(self.text));
            let same_texts = same.clone().all(|other| other.texts() == term.texts());
            let is_enum = self.parts.parameters[term.parameter].is_text_enum();
            if same.count() != uses || !all_specialize || !same_texts || !is_enum {
                continue;
            }

            let known = self.choices.iter().position(
                |choice| matches!(choice, Choice::Sort(sort) if sort.parameter == term.parameter),
            );
            let choice = known.unwrap_or_else(|| {
                self.choices.push(Choice::Sort(Sort {
                    parameter: term.parameter,
                    texts: term.texts(),
                    descending: term.descending,
                    has_else: term.otherwise.is_some(),
                }));
                self.choices.len() - 1
            });
            let parameter = &mut self.parts.parameters[term.parameter];
            parameter.role = Role::Sort;
            parameter.nullable |= term.otherwise.is_some();
            self.spots.push(Spot::Order {
                span: term.span.clone(),
                choice,
                arms: term.arms(),
            });
        }
    }

    /// Adds the assignments whose value is a parameter that is used nowhere else.
    fn assignments(&mut self, update: &Update) {
        let mut items = Vec::new();
        for assignment in &update.set {
            let [column] = assignment.columns.as_slice() else {
                continue;
            };
            let parameter = match assignment.value.kind {
                ExprKind::Parameter(index) if self.declared[index].spans.len() == 1 => Some(index),
                _ => None,
            };
            let optional = parameter.map(|index| {
                self.parts.parameters[index].role = Role::Patch;
                self.choose(Choice::Patch(index))
            });
            items.push(Assigned {
                span: column.span.start..assignment.value.span.end,
                column: column.span.clone(),
                optional,
            });
        }

        let (Some(first), Some(last)) = (items.first(), items.last()) else {
            return;
        };
        if items.len() == update.set.len() && items.iter().any(|item| item.optional.is_some()) {
            let span = first.span.start..last.span.end;
            self.spots.push(Spot::Assignments { span, items });
        }
    }
}

/// Splits a condition at AND or at OR.
fn split<'e>(expr: &'e Expr, at: Operator, operands: &mut Vec<&'e Expr>) {
    match &expr.kind {
        ExprKind::Binary(operator, left, right) if *operator == at => {
            split(left, at, operands);
            split(right, at, operands);
        }
        _ => operands.push(expr),
    }
}

/// The parameter of `:x IS NULL`.
fn tested_parameter(expr: &Expr) -> Option<usize> {
    match &expr.kind {
        ExprKind::Is {
            left,
            right,
            negated: false,
        } if right.kind == ExprKind::Null => parameter(left),
        _ => None,
    }
}

/// A term of ORDER BY that a parameter chooses: `CASE :sort WHEN 'name' THEN name END DESC`.
struct Term<'e> {
    parameter: usize,
    arms: Vec<(&'e str, &'e Expr)>,
    otherwise: Option<&'e Expr>,
    /// The CASE and its direction.
    span: Bytes,
    descending: bool,
}

impl<'e> Term<'e> {
    fn new(text: &str, expr: &'e Expr) -> Option<Self> {
        let ExprKind::Case {
            operand: Some(operand),
            arms,
            otherwise,
        } = &expr.kind
        else {
            return None;
        };
        let parameter = parameter(operand)?;
        let arms = arms.iter().map(|(when, then)| match &when.kind {
            ExprKind::String(text) => Some((text.as_str(), then)),
            _ => None,
        });
        let arms = arms.collect::<Option<_>>()?;

        let after = text.get(expr.span.end..).unwrap_or_default();
        let next = tokenize(after)
            .into_iter()
            .find(|token| token.kind != Kind::Comment);
        let direction = next.filter(|token| token.is(after, "asc") || token.is(after, "desc"));
        let end = direction.as_ref().map_or(0, |direction| direction.span.end);
        Some(Self {
            parameter,
            arms,
            otherwise: otherwise.as_deref(),
            span: expr.span.start..expr.span.end + end,
            descending: direction.is_some_and(|direction| direction.is(after, "desc")),
        })
    }

    fn texts(&self) -> Vec<String> {
        self.arms
            .iter()
            .map(|(text, _)| (*text).to_owned())
            .collect()
    }

    /// Whether each arm can be a term of its own: a number would be the position of a column.
    fn can_specialize(&self, text: &str) -> bool {
        let mut texts = self.texts();
        texts.sort();
        texts.dedup();
        if texts.len() < self.arms.len() {
            return false;
        }

        let mut exprs = self
            .arms
            .iter()
            .map(|(_, then)| *then)
            .chain(self.otherwise);
        exprs.all(|expr| {
            let written = text.get(expr.span.clone()).unwrap_or_default();
            let is_number = written
                .trim_matches(['(', ')', '+', '-', ' '])
                .parse::<f64>()
                .is_ok();
            !is_number && parameter(expr).is_none()
        })
    }

    /// The text of each arm: in the direction as written, then reversed.
    fn arms(&self) -> Vec<(Bytes, &'static str)> {
        let directions = if self.descending {
            [" DESC", " ASC"]
        } else {
            [" ASC", " DESC"]
        };
        let mut arms = Vec::new();
        for (_, then) in &self.arms {
            arms.extend(directions.map(|direction| (then.span.clone(), direction)));
        }
        arms.extend(
            self.otherwise
                .map(|expr| (expr.span.clone(), directions[0])),
        );
        arms
    }
}
