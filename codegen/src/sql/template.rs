//! Statements whose text depends on the arguments, so that SQLite plans each text on its own.
//!
//! - `(:x IS NULL OR x = :x)` in a WHERE, HAVING or ON is absent where `:x` is NULL, and `x = :x`
//!   otherwise.
//! - `ORDER BY CASE :sort WHEN 'name' THEN name ... END` sorts by the column.
//! - In an UPDATE that is annotated `:patch`, each `column = :value` can be absent.
//! - A SELECT that is annotated `:page` continues after a row.
//!
//! A condition with OR, and a sort by an expression, read every row. D1 bills each of them.

use bindery_sqlite::template::{Piece, assemble};
use bindery_sqlite::token::{Kind, tokenize};

use crate::cache::{Encode, encode_fields, encode_variants};
use crate::syntax::ast::{
    Bytes, Core, Expr, ExprKind, Join, Operator, Parameter, Select, Source, Statement, Update,
};
use crate::syntax::visit::{self, Node};

use super::page::PageSpot;
use super::parameters::{Parts, Resolved, Role};
use super::plan::Step;
use super::rewrite::{self, Edit};

/// More texts than this are not all prepared: then each choice varies on its own.
const MAX_VARIANTS: usize = 64;

/// A statement whose text depends on the arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The program that writes the statement.
    pub pieces: Vec<Piece<String>>,
    /// What the arguments choose, in the order of the numbers in the pieces.
    pub choices: Vec<Choice>,
    /// The plans of the texts that were prepared. Each plan occurs once.
    pub plans: Vec<VariantPlan>,
}

/// What an argument chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Whether a condition is present: if none of these parameters is NULL.
    Filter(Vec<usize>),
    /// The expression to sort by, and the direction.
    Sort(Sort),
    /// The value of a column: unchanged, a new one, or NULL.
    Patch(usize),
    /// Whether the page continues after a row. It is the last choice.
    After,
}

/// A choice of a sort order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// The parameter.
    pub parameter: usize,
    /// The texts that it can be, in the order of the SQL.
    pub texts: Vec<String>,
    /// Whether the statement sorts in descending order unless the argument says otherwise.
    pub descending: bool,
    /// Whether there is an ELSE, for NULL.
    pub has_else: bool,
}

/// The plan of some of the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantPlan {
    /// The choices that have the plan, in words.
    pub variants: Vec<String>,
    /// The plan.
    pub plan: Vec<Step>,
}

encode_fields! {
    Template { pieces, choices, plans }
    Sort { parameter, texts, descending, has_else }
    VariantPlan { variants, plan }
}
encode_variants! {
    Choice { 0 => Filter(parameters), 1 => Sort(sort), 2 => Patch(parameter), 3 => After }
}

impl Encode for Piece<String> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        let (number, text, numbers) = match self {
            Self::Text(text) => (0, text.as_str(), [0; 3]),
            Self::Parameter(index) => (1, "", [*index, 0, 0]),
            Self::When { choice, arm, skip } => (2, "", [*choice, *arm, *skip]),
            Self::Begin => (3, "", [0; 3]),
            Self::Item(separator) => (4, separator.as_str(), [0; 3]),
            Self::End(otherwise) => (5, otherwise.as_str(), [0; 3]),
        };
        bytes.push(number);
        text.to_owned().encode(bytes);
        for number in numbers {
            number.encode(bytes);
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let number = u8::decode(bytes)?;
        let text = String::decode(bytes)?;
        let numbers = [
            usize::decode(bytes)?,
            usize::decode(bytes)?,
            usize::decode(bytes)?,
        ];

        Some(match number {
            0 => Self::Text(text),
            1 => Self::Parameter(numbers[0]),
            2 => Self::When {
                choice: numbers[0],
                arm: numbers[1],
                skip: numbers[2],
            },
            3 => Self::Begin,
            4 => Self::Item(text),
            5 => Self::End(text),
            _ => return None,
        })
    }
}

impl Choice {
    /// The number of texts that it chooses among.
    fn arms(&self) -> usize {
        match self {
            Self::Filter(_) | Self::After => 2,
            Self::Sort(sort) => 2 * sort.texts.len() + usize::from(sort.has_else),
            Self::Patch(_) => 3,
        }
    }

    /// An arm in words; empty for an absent part.
    fn describe(&self, arm: usize, parameters: &[Resolved]) -> String {
        let name = |index: usize| format!("`{}`", parameters[index].name);

        match self {
            Self::Filter(_) | Self::Patch(_) if arm == 0 => String::new(),
            Self::Filter(indexes) => {
                let names: Vec<String> = indexes.iter().map(|index| name(*index)).collect();
                format!("with {}", names.join(" and "))
            }
            Self::Patch(index) if arm == 1 => format!("sets {}", name(*index)),
            Self::Patch(index) => format!("{} is NULL", name(*index)),
            Self::After if arm == 0 => "first page".to_owned(),
            Self::After => "after a row".to_owned(),
            Self::Sort(sort) => match sort.texts.get(arm / 2) {
                Some(text) => {
                    let is_descending = sort.descending != (arm % 2 == 1);
                    let direction = if is_descending { ", descending" } else { "" };
                    format!("by {text}{direction}")
                }
                None => format!("{} is `None`", name(sort.parameter)),
            },
        }
    }
}

/// One way to choose: the arm of each choice.
pub type Arms = Vec<usize>;

impl Template {
    /// The arms to prepare: all of them, or each choice on its own if there are too many.
    #[must_use]
    pub fn variants(&self, parameters: &[Resolved]) -> Vec<Arms> {
        let counts: Vec<usize> = self
            .choices
            .iter()
            .map(|choice| match choice {
                Choice::Patch(index) if !parameters[*index].nullable => 2,
                other => other.arms(),
            })
            .collect();
        let all = counts
            .iter()
            .try_fold(1_usize, |all, count| all.checked_mul(*count))
            .filter(|all| *all <= MAX_VARIANTS);

        let first = vec![0; counts.len()];
        let Some(all) = all else {
            let last = counts.iter().map(|count| count.min(&2) - 1).collect();
            let mut variants = vec![first.clone(), last];
            for (index, count) in counts.iter().enumerate() {
                for arm in 1..*count {
                    let mut variant = first.clone();
                    variant[index] = arm;
                    variants.push(variant);
                }
            }
            return variants;
        };

        let mut variants = Vec::new();
        for mut number in 0..all {
            let mut variant = Vec::new();
            for count in &counts {
                variant.push(number % count);
                number /= count;
            }
            variants.push(variant);
        }
        variants
    }

    /// The SQL of a variant.
    #[must_use]
    pub fn sql(&self, arms: &[usize]) -> String {
        assemble(&self.pieces, arms).sql
    }

    /// A variant in words.
    #[must_use]
    pub fn describe(&self, arms: &[usize], parameters: &[Resolved]) -> String {
        let choices = self.choices.iter().zip(arms);
        let words: Vec<String> = choices
            .map(|(choice, arm)| choice.describe(*arm, parameters))
            .filter(|words| !words.is_empty())
            .collect();
        if words.is_empty() {
            "with none".to_owned()
        } else {
            words.join(", ")
        }
    }

    /// Adds the plan of a variant.
    pub(super) fn add_plan(&mut self, variant: String, plan: Vec<Step>) {
        let mut plans = self.plans.iter_mut();
        match plans.find(|known| known.plan == plan) {
            Some(known) => known.variants.push(variant),
            None => self.plans.push(VariantPlan {
                variants: vec![variant],
                plan,
            }),
        }
    }
}

/// A part of the text that depends on a choice.
enum Spot {
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
struct Condition {
    span: Bytes,
    /// The choice whether it is present, and the operands of OR that then remain.
    optional: Option<(usize, Vec<Bytes>)>,
}

/// An assignment of an UPDATE.
struct Assigned {
    span: Bytes,
    column: Bytes,
    /// The choice of its value.
    optional: Option<usize>,
}

impl Spot {
    fn span(&self) -> &Bytes {
        match self {
            Self::Conditions { span, .. }
            | Self::Order { span, .. }
            | Self::Assignments { span, .. }
            | Self::After { span, .. } => span,
        }
    }
}

/// Returns the template of a statement, if its text depends on the arguments. Sets the roles of
/// the parameters that make a choice.
pub(super) fn template(
    text: &str,
    statement: &Statement,
    declared: &[Parameter],
    parts: &mut Parts,
    edits: &[Edit],
    (patch, page): (bool, Option<&PageSpot>),
) -> Option<Template> {
    let mut finder = Finder {
        text,
        declared,
        parts,
        choices: Vec::new(),
        spots: Vec::new(),
    };
    finder.statement(statement, patch);
    if let Some(spot) = page {
        finder.page(spot);
    }
    let Finder {
        choices, mut spots, ..
    } = finder;
    if choices.is_empty() {
        return None;
    }

    spots.sort_by_key(|spot| (spot.span().start, std::cmp::Reverse(spot.span().end)));
    let mut writer = PieceWriter {
        text,
        edits,
        spots: &spots,
        pieces: Vec::new(),
    };
    writer.range(rewrite::statement(text), None);
    if let Some(spot) = page {
        let limit = declared.len() + spot.page.columns.len();
        let before = Piece::Text("\nLIMIT ".to_owned());
        writer.pieces.extend([before, Piece::Parameter(limit)]);
    }
    Some(Template {
        pieces: joined(writer.pieces),
        choices,
        plans: Vec::new(),
    })
}

/// Finds the parts that depend on a choice.
struct Finder<'a> {
    text: &'a str,
    declared: &'a [Parameter],
    parts: &'a mut Parts,
    choices: Vec<Choice>,
    spots: Vec<Spot>,
}

impl Finder<'_> {
    fn statement(&mut self, statement: &Statement, patch: bool) {
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
    fn page(&mut self, spot: &PageSpot) {
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

    /// Adds the terms of ORDER BY that a parameter chooses, if it chooses nothing else.
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
            if same.count() != uses || !all_specialize || !same_texts {
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
        } if right.kind == ExprKind::Null => super::expr::parameter(left),
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
        let parameter = super::expr::parameter(operand)?;
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
            !is_number && super::expr::parameter(expr).is_none()
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

/// Writes the pieces of a statement.
struct PieceWriter<'a> {
    text: &'a str,
    edits: &'a [Edit],
    /// In the order of the text; those inside another one after it.
    spots: &'a [Spot],
    pieces: Vec<Piece<String>>,
}

impl PieceWriter<'_> {
    /// Writes a range of the text. `within` is the spot that it belongs to.
    fn range(&mut self, range: Bytes, within: Option<usize>) {
        let mut position = range.start;
        while position < range.end {
            let inside = |span: &Bytes| span.start >= position && span.end <= range.end;
            let spot = (0..self.spots.len()).find(|index| {
                within.is_none_or(|within| *index > within) && inside(self.spots[*index].span())
            });
            let start = spot.map_or(range.end, |index| self.spots[index].span().start);
            self.plain(position..start);
            let Some(index) = spot else { return };
            self.spot(index);
            position = self.spots[index].span().end;
        }
    }

    /// Writes a range without spots.
    fn plain(&mut self, range: Bytes) {
        let mut position = range.start;
        for edit in self.edits {
            let is_inside = edit.span.start >= position && edit.span.end <= range.end;
            // An insertion at the end belongs to what it follows.
            let is_before = edit.span.is_empty() && edit.span.start == range.start;
            if !is_inside || (is_before && range.start != 0) {
                continue;
            }
            self.push(position..edit.span.start);
            self.pieces.extend(edit.pieces.iter().cloned());
            position = edit.span.end;
        }
        self.push(position..range.end);
    }

    fn push(&mut self, range: Bytes) {
        let text = self.text.get(range).unwrap_or_default();
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text.to_owned()));
        }
    }

    fn spot(&mut self, index: usize) {
        let within = Some(index);

        match &self.spots[index] {
            Spot::Conditions { items, .. } => {
                self.pieces.push(Piece::Begin);
                for item in items {
                    self.pieces.push(Piece::Item(" AND ".to_owned()));
                    match &item.optional {
                        None => self.range(item.span.clone(), within),
                        Some((choice, rest)) => self.when(*choice, 1, |writer| {
                            writer.alternatives(rest, within);
                        }),
                    }
                }
                self.pieces.push(Piece::End("TRUE".to_owned()));
            }
            Spot::Order { choice, arms, .. } => {
                for (arm, (span, direction)) in arms.iter().enumerate() {
                    self.when(*choice, arm, |writer| {
                        writer.range(span.clone(), within);
                        writer.pieces.push(Piece::Text((*direction).to_owned()));
                    });
                }
            }
            Spot::Assignments { items, .. } => self.assignments(items, within),
            Spot::After {
                span,
                choice,
                condition,
                has_filter,
            } => {
                let text = |text: &str| Piece::Text(text.to_owned());
                if *has_filter {
                    self.when(*choice, 1, |writer| {
                        writer.pieces.extend(condition.iter().cloned());
                        writer.pieces.push(text(" AND "));
                    });
                    self.pieces.push(text("("));
                    self.range(span.clone(), within);
                    self.pieces.push(text(")"));
                } else {
                    self.when(*choice, 1, |writer| {
                        writer.pieces.push(text("WHERE "));
                        writer.pieces.extend(condition.iter().cloned());
                        writer.pieces.push(text(" "));
                    });
                    self.push(span.clone());
                }
            }
        }
    }

    /// Writes the operands of OR that remain.
    fn alternatives(&mut self, rest: &[Bytes], within: Option<usize>) {
        let text = |text: &str| Piece::Text(text.to_owned());
        if let [only] = rest {
            return self.range(only.clone(), within);
        }
        for (index, alternative) in rest.iter().enumerate() {
            self.pieces
                .push(text(if index == 0 { "(" } else { " OR " }));
            self.range(alternative.clone(), within);
        }
        self.pieces.push(text(")"));
    }

    fn assignments(&mut self, items: &[Assigned], within: Option<usize>) {
        self.pieces.push(Piece::Begin);
        for item in items {
            self.pieces.push(Piece::Item(", ".to_owned()));
            let Some(choice) = item.optional else {
                self.range(item.span.clone(), within);
                continue;
            };
            self.when(choice, 1, |writer| writer.range(item.span.clone(), within));
            self.when(choice, 2, |writer| {
                writer.push(item.column.clone());
                writer.pieces.push(Piece::Text(" = NULL".to_owned()));
            });
        }

        // An UPDATE needs an assignment: one that changes nothing.
        let first = items.first().map(|item| item.column.clone());
        let column = first
            .and_then(|column| self.text.get(column))
            .unwrap_or_default();
        let unchanged = format!("{column} = {column}");
        self.pieces.push(Piece::End(unchanged));
    }

    /// Writes the pieces of an arm.
    fn when(&mut self, choice: usize, arm: usize, write: impl FnOnce(&mut Self)) {
        let start = self.pieces.len();
        self.pieces.push(Piece::Begin);
        write(self);
        let skip = self.pieces.len() - start - 1;
        self.pieces[start] = Piece::When { choice, arm, skip };
    }
}

/// Joins neighboring texts, and corrects the numbers of pieces to skip.
fn joined(pieces: Vec<Piece<String>>) -> Vec<Piece<String>> {
    let mut joined: Vec<Piece<String>> = Vec::new();
    // Where each conditional part ends: the piece after it, and the place of its beginning.
    let mut open: Vec<(usize, usize)> = Vec::new();

    for (index, piece) in pieces.into_iter().enumerate() {
        let mut starts_part = false;
        open.retain(|(end, start)| {
            if *end != index {
                return true;
            }
            starts_part = true;
            let length = joined.len() - start - 1;
            if let Some(Piece::When { skip, .. }) = joined.get_mut(*start) {
                *skip = length;
            }
            false
        });

        match (joined.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) if !starts_part => {
                before.push_str(&text);
            }
            (_, Piece::When { choice, arm, skip }) => {
                open.push((index + 1 + skip, joined.len()));
                joined.push(Piece::When { choice, arm, skip });
            }
            (_, piece) => joined.push(piece),
        }
    }
    for (_, start) in open {
        let length = joined.len() - start - 1;
        if let Some(Piece::When { skip, .. }) = joined.get_mut(start) {
            *skip = length;
        }
    }
    joined
}
