//! The types of parameters: what each place expects of a parameter, and the one type that fits all
//! places.

use std::collections::{BTreeMap, BTreeSet};

use crate::cache::{encode_fields, encode_variants};
use crate::names::Name;
use crate::report::{Code, Diagnostic, Errors};
use crate::schema::TextEnum;
use crate::source::Span;
use crate::syntax::ast::{Bytes, Parameter};

use super::scalar::ScalarType;
use super::types::{Domain, Storage, Ty};

/// Whether a place accepts NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// NULL is meaningful here: `:x IS NULL`, a new value of a nullable column.
    Welcome,
    /// NULL is useless here, but not an error: `= :x` is never true for NULL.
    Silent,
    /// NULL is an error here: a new value of a NOT NULL column.
    Refused,
}

/// What one place expects of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expectation {
    pub(super) storage: Storage,
    pub(super) domain: Domain,
    pub(super) nulls: Nulls,
    /// Whether the place accepts a slice.
    pub(super) list: bool,
    /// Whether the other places take precedence: a function that accepts any text.
    pub(super) weak: bool,
    /// Whether the place stores the value, so that only values of this type fit.
    pub(super) exact: bool,
    /// The other side, in a few words.
    pub(super) meets: String,
    /// A name for a parameter without one.
    pub(super) name: Option<String>,
    /// The column on the other side, as `table.column`.
    pub(super) origin: Option<String>,
    /// The text that it is compared with in `CASE :sort WHEN 'name' THEN ...`.
    pub(super) chosen: Option<String>,
}

impl Expectation {
    /// The type of an expression that the parameter is compared with.
    pub(super) fn compared(ty: &Ty) -> Self {
        let origin = ty.origin.as_deref();
        let name = origin
            .and_then(|origin| origin.rsplit('.').next())
            .map(str::to_owned);
        Self {
            domain: ty.domain,
            name,
            origin: ty.origin.clone(),
            ..Self::storage(ty.storage, origin.unwrap_or("an expression"))
        }
    }

    /// Some storage classes, without anything else.
    pub(super) fn storage(storage: Storage, meets: &str) -> Self {
        Self {
            storage,
            domain: Domain::Any,
            nulls: Nulls::Silent,
            list: false,
            weak: false,
            exact: false,
            meets: meets.to_owned(),
            name: None,
            origin: None,
            chosen: None,
        }
    }

    pub(super) fn weak(self) -> Self {
        Self { weak: true, ..self }
    }

    pub(super) fn nulls(self, nulls: Nulls) -> Self {
        Self { nulls, ..self }
    }

    fn scalar(&self) -> ScalarType {
        ScalarType::of(self.storage, self.domain)
    }

    /// Whether it only tests for NULL: `:ids IS NULL`.
    fn is_null_test(&self) -> bool {
        self.nulls == Nulls::Welcome && self.storage == Storage::NONE
    }

    /// Whether it restricts the type.
    fn is_specific(&self) -> bool {
        self.scalar() != ScalarType::Any
    }
}

/// An expectation, and where it is in the statement.
type Placed = (Expectation, Bytes);

/// What one walk over the statement recorded about a parameter.
#[derive(Debug, Clone, Default)]
struct Seen {
    expectations: Vec<Placed>,
    /// The parameters that it is compared with.
    links: Vec<usize>,
}

/// A parameter whose type is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The name of the method's argument.
    pub name: String,
    /// Where the name comes from.
    pub named_by: NamedBy,
    /// The type of a value that is not NULL.
    pub scalar: ScalarType,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// Whether it is a slice.
    pub list: bool,
    /// The only column that it is compared with or written to, as `table.column`.
    pub origin: Option<String>,
    /// A type that the user defines.
    pub as_type: Option<String>,
    /// What the argument does besides being bound.
    pub role: Role,
}

impl Resolved {
    /// Whether its type is an enum of the texts that the statement compares it with.
    pub(super) fn is_text_enum(&self) -> bool {
        self.as_type.is_none() && matches!(self.scalar, ScalarType::Enum(_))
    }
}

/// What an argument does in a statement whose text depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// It is a value.
    #[default]
    Value,
    /// It chooses the sort order.
    Sort,
    /// It chooses whether an UPDATE sets a column.
    Patch,
}

/// The source of a parameter's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// The statement: `:user`.
    Statement,
    /// The column that the parameter is compared with or written to.
    Column,
    /// Its number.
    Number,
}

encode_variants! { NamedBy { 0 => Statement, 1 => Column, 2 => Number } }
encode_variants! { Role { 0 => Value, 1 => Sort, 2 => Patch } }
encode_fields! { Resolved { name, named_by, scalar, nullable, list, origin, as_type, role } }

/// Why a parameter has no single type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Unresolved {
    Untyped {
        index: usize,
    },
    Conflict {
        index: usize,
        first: (String, Bytes),
        second: (String, Bytes),
    },
}

/// The parameters of a statement while it is analyzed.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    declared: &'a [Parameter],
    seen: Vec<Seen>,
    resolved: Option<Vec<Resolved>>,
    /// The places that accept a slice.
    lists: Vec<Bytes>,
    first_enum: usize,
    text_enums: Vec<TextEnum>,
}

impl<'a> Parameters<'a> {
    /// `first_enum` is the number of enums in the catalog: those of parameters come after them.
    pub(super) fn new(declared: &'a [Parameter], first_enum: usize) -> Self {
        Self {
            declared,
            seen: vec![Seen::default(); declared.len()],
            resolved: None,
            lists: Vec::new(),
            first_enum,
            text_enums: Vec::new(),
        }
    }

    /// Records what a place expects.
    pub(super) fn expected(&mut self, index: usize, expected: Expectation, span: Bytes) {
        self.seen[index].expectations.push((expected, span));
    }

    /// Records that two parameters are compared with each other.
    pub(super) fn link(&mut self, left: usize, right: usize) {
        self.seen[left].links.push(right);
        self.seen[right].links.push(left);
    }

    /// The type that the parameter has inside SQLite.
    pub(super) fn ty(&self, index: usize) -> Ty {
        let Some(resolved) = self.resolved.as_ref().and_then(|all| all.get(index)) else {
            return Ty::new(Storage::NONE);
        };
        let (storage, domain) = resolved.scalar.bound();
        let ty = Ty {
            domain,
            ..Ty::new(storage)
        };
        if resolved.nullable {
            ty.or_null("the parameter can be NULL")
        } else {
            ty
        }
    }

    /// Infers every type from the recorded expectations, and clears them. Returns whether nothing
    /// changed since the last call, and the parameters without a single type.
    pub(super) fn resolve(&mut self) -> (bool, Vec<Unresolved>) {
        let mut problems = Vec::new();
        let mut resolved = Vec::new();
        self.text_enums.clear();
        self.lists.clear();
        let mut taken: Vec<String> = self
            .declared
            .iter()
            .filter_map(|parameter| Some(Name::new(parameter.bare_name()?).field))
            .collect();

        for index in 0..self.declared.len() {
            resolved.push(self.resolve_parameter(index, &mut taken, &mut problems));
        }

        self.seen = vec![Seen::default(); self.declared.len()];
        let stable = self.resolved.as_ref() == Some(&resolved);
        self.resolved = Some(resolved);
        (stable, problems)
    }

    fn resolve_parameter(
        &mut self,
        index: usize,
        taken: &mut Vec<String>,
        problems: &mut Vec<Unresolved>,
    ) -> Resolved {
        let expectations = self.linked_expectations(index);
        let specific = specific(&expectations);
        // An untyped parameter accepts any value.
        let untyped = specific.is_empty()
            && expectations
                .iter()
                .all(|(expected, _)| expected.storage == Storage::NONE);
        if untyped {
            problems.push(Unresolved::Untyped { index });
        }

        let (mut scalar, conflict) = unify(&specific);
        let own = &self.seen[index].expectations;
        let lists = own.iter().filter(|(expected, _)| expected.list);
        let lists: Vec<Bytes> = lists.map(|(_, span)| span.clone()).collect();
        let list = !lists.is_empty();
        for (first, second) in [conflict, list_conflict(own)].into_iter().flatten() {
            problems.push(Unresolved::Conflict {
                index,
                first,
                second,
            });
        }

        let (name, named_by) = self.argument_name(index, taken);
        if let Some(values) = chosen(&expectations) {
            let number = self.first_enum + self.text_enums.len();
            scalar = ScalarType::Enum(u32::try_from(number).unwrap_or(u32::MAX));
            self.text_enums.push(TextEnum::new("", &name, values));
        }

        let has = |nulls: Nulls| {
            expectations
                .iter()
                .any(|(expected, _)| expected.nulls == nulls)
        };
        let tests_null = expectations
            .iter()
            .any(|(expected, _)| expected.is_null_test());
        let accepts_null = if list {
            tests_null
        } else {
            has(Nulls::Welcome) || untyped
        };
        let nullable = accepts_null && !has(Nulls::Refused);
        self.lists.extend(lists);
        Resolved {
            name,
            named_by,
            scalar,
            nullable,
            list,
            origin: common_origin(&specific),
            as_type: None,
            role: Role::Value,
        }
    }

    /// The expectations of a parameter and of all parameters that it is compared with.
    fn linked_expectations(&self, index: usize) -> Vec<Placed> {
        let mut group = vec![index];
        let mut next = 0;
        while let Some(member) = group.get(next).copied() {
            for link in &self.seen[member].links {
                if !group.contains(link) {
                    group.push(*link);
                }
            }
            next += 1;
        }

        group
            .into_iter()
            .flat_map(|member| self.seen[member].expectations.clone())
            .collect()
    }

    /// The name of the argument and its source. A name that is not in the statement is added to
    /// `taken`.
    fn argument_name(&self, index: usize, taken: &mut Vec<String>) -> (String, NamedBy) {
        if let Some(name) = self.declared[index].bare_name() {
            return (name.to_owned(), NamedBy::Statement);
        }

        let from_column = self.seen[index]
            .expectations
            .iter()
            .find_map(|(expected, _)| expected.name.clone())
            .filter(|name| !taken.contains(&Name::new(name).field));
        let (name, named_by) = match from_column {
            Some(name) => (name, NamedBy::Column),
            None => (format!("parameter_{}", index + 1), NamedBy::Number),
        };
        taken.push(Name::new(&name).field);
        (name, named_by)
    }

    /// The parameters.
    pub(super) fn into_resolved(self) -> Parts {
        Parts {
            parameters: self.resolved.unwrap_or_default(),
            text_enums: self.text_enums,
            lists: self.lists,
        }
    }
}

/// The parameters of a statement whose types are known.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) parameters: Vec<Resolved>,
    /// The enums of those that choose among texts.
    pub(super) text_enums: Vec<TextEnum>,
    /// The places that accept a slice.
    pub(super) lists: Vec<Bytes>,
}

impl Parts {
    /// Makes every argument a value.
    pub(super) fn forget_roles(&mut self) {
        for parameter in &mut self.parameters {
            parameter.role = Role::Value;
        }
    }
}

/// The expectations that determine the type: the weak ones only where there are no others.
fn specific(expectations: &[Placed]) -> Vec<&Placed> {
    let (weak, strong): (Vec<&Placed>, Vec<&Placed>) = expectations
        .iter()
        .filter(|(expected, _)| expected.is_specific())
        .partition(|(expected, _)| expected.weak);
    if strong.is_empty() { weak } else { strong }
}

/// Two places with different types, each with a few words.
type Conflict = ((String, Bytes), (String, Bytes));

/// The one type that all places accept, up to the first conflict.
fn unify(specific: &[&Placed]) -> (ScalarType, Option<Conflict>) {
    if let Some(number) = unified_number(specific) {
        return (number, None);
    }

    let mut scalar = match specific.first() {
        Some((expected, _)) => expected.scalar(),
        None => ScalarType::Any,
    };
    for (place, (expected, span)) in specific.iter().enumerate() {
        if let Some(unified) = scalar.unified(expected.scalar()) {
            scalar = unified;
            continue;
        }

        let mut before = specific[..place].iter();
        let first = before
            .find(|(first, _)| first.scalar().unified(expected.scalar()).is_none())
            .map_or((String::new(), span.clone()), |first| describe(first));
        return (scalar, Some((first, describe(specific[place]))));
    }
    (scalar, None)
}

/// The one numeric type of places that are all numeric: the widest, unless a place stores the
/// value.
fn unified_number(specific: &[&Placed]) -> Option<ScalarType> {
    let rank = |scalar: &ScalarType| {
        let ranks = [ScalarType::Boolean, ScalarType::Integer, ScalarType::Float];
        ranks.iter().position(|ranked| ranked == scalar)
    };
    let scalars: Vec<ScalarType> = specific
        .iter()
        .map(|(expected, _)| expected.scalar())
        .collect();
    if !scalars.iter().all(|scalar| rank(scalar).is_some()) {
        return None;
    }

    let exact = specific.iter().filter(|(expected, _)| expected.exact);
    let exact = exact
        .map(|(expected, _)| expected.scalar())
        .min_by_key(rank);
    exact.or_else(|| scalars.into_iter().max_by_key(rank))
}

fn describe((expected, span): &Placed) -> (String, Bytes) {
    let ty = expected.scalar().describe();
    (format!("{ty} here: {}", expected.meets), span.clone())
}

/// The label of a place that accepts a slice, where another place accepts a single value.
pub(super) const SLICE: &str = "a slice here";

/// A parameter that is a slice in one place and a single value in another.
fn list_conflict(own: &[Placed]) -> Option<Conflict> {
    let (_, slice) = own.iter().find(|(expected, _)| expected.list)?;
    let (_, single) = own
        .iter()
        .find(|(expected, _)| !expected.list && !expected.is_null_test())?;
    Some((
        (SLICE.to_owned(), slice.clone()),
        ("a single value here".to_owned(), single.clone()),
    ))
}

/// The column that all places have in common.
fn common_origin(specific: &[&Placed]) -> Option<String> {
    let mut origins = specific.iter().map(|(expected, _)| &expected.origin);
    let first = origins.next()?;
    origins
        .all(|other| other == first)
        .then(|| first.clone())
        .flatten()
}

/// The texts of a parameter that only chooses among them: `CASE :sort WHEN 'name' THEN ...`.
fn chosen(expectations: &[Placed]) -> Option<Vec<String>> {
    let mut values: Vec<String> = Vec::new();
    for (expected, _) in expectations {
        let value = expected.chosen.as_ref()?;
        if !values.contains(value) {
            values.push(value.clone());
        }
    }

    // Two texts with the same variant name cannot form an enum.
    let variants: BTreeSet<String> = values.iter().map(|value| Name::new(value).ty).collect();
    (values.len() > 1 && variants.len() == values.len()).then_some(values)
}

/// Reports numbers with a gap, and names that differ only in SQL. Returns whether there are none.
pub(super) fn check_numbers(errors: &mut Errors, place: Span, declared: &[Parameter]) -> bool {
    let before = errors.count();
    let is_missing = |parameter: &Parameter| parameter.spans.is_empty();
    if let Some(missing) = declared.iter().position(is_missing) {
        errors.push(gap(place, missing + 1, &declared[missing..]));
    }

    let mut fields: BTreeMap<String, (&str, &Bytes)> = BTreeMap::new();
    for parameter in declared {
        let (Some(bare), Some(name)) = (parameter.bare_name(), parameter.name.as_deref()) else {
            continue;
        };
        let Some(span) = parameter.spans.first() else {
            continue;
        };

        let field = Name::new(bare).field;
        match fields.get(&field) {
            Some((first, at)) => errors.push(
                Diagnostic::new(
                    Code::ParameterNumber,
                    format!("`{first}` and `{name}` would both be the argument `{field}`"),
                    place.part(span),
                )
                .label("another parameter to SQLite")
                .also(place.part(at), "the first one")
                .help(format!(
                    "write `{first}` in both places, or rename one of them"
                )),
            ),
            None => {
                fields.insert(field, (name, span));
            }
        }
    }
    errors.count() == before
}

/// The diagnostic for a number that no parameter has. `after` are the parameters after it.
fn gap(place: Span, number: usize, after: &[Parameter]) -> Diagnostic {
    let next = after.iter().find_map(|parameter| parameter.spans.first());
    let at = next.map_or(place, |span| place.part(span));
    Diagnostic::new(
        Code::ParameterNumber,
        format!("the statement has no parameter `?{number}`"),
        at,
    )
    .label("a larger number")
    .help("number the parameters from `?1` without a gap: `?1` is the first argument")
}
