//! Statements whose text depends on the arguments, so that SQLite plans each text on its own.
//!
//! - `(:x IS NULL OR x = :x)` in a WHERE, HAVING or ON is absent where `:x` is NULL, and `x = :x`
//!   otherwise.
//! - `ORDER BY CASE :sort WHEN 'name' THEN name ... END` sorts by the column.
//! - In an UPDATE that is annotated `:patch`, each `column = :value` can be absent.
//! - A SELECT that is annotated `:page` continues after a row.
//!
//! A condition with OR, and a sort by an expression, read every row. D1 bills each of them.

mod spots;
mod writer;

use bindery_sqlite::template::{Piece, assemble};

use crate::cache::{Encode, encode_fields, encode_variants};
use crate::syntax::ast::{Parameter, Statement};

use super::page::PageSpot;
use super::parameters::{Parts, Resolved};
use super::plan::Step;
use super::rewrite::{self, Edit};

use spots::Finder;
use writer::{PieceWriter, joined};

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
