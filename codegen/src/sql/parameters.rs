//! What the places where a parameter stands say of its type, and the one type that fits them all.

use super::scalar::ScalarType;
use super::types::{Domain, Storage, Ty};
use crate::cache::encode_fields;
use crate::names::Name;
use crate::schema::TextEnum;
use std::collections::BTreeSet;

use crate::syntax::ast::{Bytes, Parameter};

/// Whether a place takes NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// NULL makes sense here: `:x IS NULL`, a new value of a nullable column.
    Welcome,
    /// The place says nothing: `= :x` is never true for NULL, and no error.
    Silent,
    /// NULL would be an error here: a new value of a NOT NULL column.
    Refused,
}

/// What one place says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expectation {
    pub(super) storage: Storage,
    pub(super) domain: Domain,
    pub(super) nulls: Nulls,
    /// Whether a slice stands here.
    pub(super) list: bool,
    /// Whether another place is to be preferred: a function that takes any text.
    pub(super) weak: bool,
    /// What the parameter meets here, in a few words.
    pub(super) meets: String,
    /// A name for a parameter that has none.
    pub(super) name: Option<String>,
    /// The column that the parameter meets, as `table.column`.
    pub(super) origin: Option<String>,
    /// The text that it is compared with in `CASE :sort WHEN 'name' THEN ...`.
    pub(super) chosen: Option<String>,
}

impl Expectation {
    /// The type of an expression that the parameter is compared with.
    pub(super) fn compared(ty: &Ty) -> Self {
        let name = ty
            .origin
            .as_ref()
            .and_then(|origin| origin.rsplit('.').next())
            .map(str::to_owned);
        let expected = Self::storage(ty.storage, ty.origin.as_deref().unwrap_or("an expression"));
        Self {
            domain: ty.domain,
            name,
            origin: ty.origin.clone(),
            ..expected
        }
    }

    /// Some storage, preferred or not.
    pub(super) fn storage(storage: Storage, meets: &str) -> Self {
        Self {
            storage,
            domain: Domain::Any,
            nulls: Nulls::Silent,
            list: false,
            weak: false,
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
}

/// One parameter while its type is sought.
#[derive(Debug, Clone, Default)]
struct Seen {
    expectations: Vec<(Expectation, Bytes)>,
    links: Vec<usize>,
}

/// A parameter whose type is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The name, as a method's argument has it.
    pub name: String,
    /// Whether the name is from the SQL, or from the column that the parameter is compared with.
    pub is_named: bool,
    /// The type of a value that is not NULL.
    pub scalar: ScalarType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Whether it is a slice.
    pub list: bool,
    /// The one column that it meets, as `table.column`.
    pub origin: Option<String>,
    /// A type of the user's own.
    pub as_type: Option<String>,
}

encode_fields! { Resolved { name, is_named, scalar, nullable, list, origin, as_type } }

/// Why a parameter has no type.
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
    first_enum: usize,
    text_enums: Vec<TextEnum>,
}

impl<'a> Parameters<'a> {
    /// `first_enum` is the number of the first enum that is not a CHECK's.
    pub(super) fn new(declared: &'a [Parameter], first_enum: usize) -> Self {
        Self {
            declared,
            seen: vec![Seen::default(); declared.len()],
            resolved: None,
            first_enum,
            text_enums: Vec::new(),
        }
    }

    /// Notes what a place says.
    pub(super) fn expected(&mut self, index: usize, expected: Expectation, span: Bytes) {
        self.seen[index].expectations.push((expected, span));
    }

    /// Notes that two parameters meet.
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

    /// Settles every type from what was noted, and forgets the notes. True when nothing changed.
    pub(super) fn resolve(&mut self) -> (bool, Vec<Unresolved>) {
        let mut problems = Vec::new();
        let mut resolved = Vec::new();
        self.text_enums.clear();
        let mut taken: Vec<String> = self
            .declared
            .iter()
            .filter_map(|parameter| parameter.name.clone())
            .collect();
        for index in 0..self.declared.len() {
            let expectations = self.wants_of_linked(index);
            let strong: Vec<&(Expectation, Bytes)> = expectations
                .iter()
                .filter(|(expected, _)| !expected.weak && is_specific(expected))
                .collect();
            let weak: Vec<&(Expectation, Bytes)> = expectations
                .iter()
                .filter(|(expected, _)| expected.weak && is_specific(expected))
                .collect();
            let specific = if strong.is_empty() { weak } else { strong };
            // Nothing says what it is: it takes any value.
            let untyped = specific.is_empty()
                && expectations
                    .iter()
                    .all(|(expected, _)| expected.storage == Storage::NONE);
            if untyped {
                problems.push(Unresolved::Untyped { index });
            }
            let of = |expected: &Expectation| ScalarType::of(expected.storage, expected.domain);
            let mut scalar = specific
                .first()
                .map_or(ScalarType::Any, |(expected, _)| of(expected));
            for (place, (expected, span)) in specific.iter().enumerate() {
                if let Some(unified) = scalar.unified(of(expected)) {
                    scalar = unified;
                    continue;
                }
                let words = |(expected, span): (&Expectation, &Bytes)| {
                    (
                        format!("{} here: {}", of(expected).describe(), expected.meets),
                        span.clone(),
                    )
                };
                let first = specific[..place]
                    .iter()
                    .find(|(first, _)| of(first).unified(of(expected)).is_none());
                let first = first.map_or((String::new(), span.clone()), |(first, span)| {
                    words((first, span))
                });
                problems.push(Unresolved::Conflict {
                    index,
                    first,
                    second: words((expected, span)),
                });
                break;
            }
            let own = &self.seen[index].expectations;
            let list = own.iter().any(|(expected, _)| expected.list);
            if let (true, Some(scalar)) = (list, own.iter().find(|(expected, _)| !expected.list)) {
                let place = own
                    .iter()
                    .find(|(expected, _)| expected.list)
                    .map_or(0..0, |(_, span)| span.clone());
                let first = ("a slice here".to_owned(), place);
                problems.push(Unresolved::Conflict {
                    index,
                    first,
                    second: ("a single value here".to_owned(), scalar.1.clone()),
                });
            }
            let welcome = expectations
                .iter()
                .any(|(expected, _)| expected.nulls == Nulls::Welcome);
            let refused = expectations
                .iter()
                .any(|(expected, _)| expected.nulls == Nulls::Refused);
            let mut is_named = true;
            let name = self.declared[index].name.clone().unwrap_or_else(|| {
                let wanted = own
                    .iter()
                    .find_map(|(expected, _)| expected.name.clone())
                    .filter(|name| !taken.contains(name));
                is_named = wanted.is_some();
                let name = wanted.unwrap_or_else(|| format!("parameter_{}", index + 1));
                taken.push(name.clone());
                name
            });
            if let Some(values) = chosen(&expectations) {
                scalar = ScalarType::Enum(
                    u32::try_from(self.first_enum + self.text_enums.len()).unwrap_or(u32::MAX),
                );
                self.text_enums.push(TextEnum::new("", &name, values));
            }
            let origins = specific
                .iter()
                .map(|(expected, _)| expected.origin.as_ref());
            let origin = origins
                .reduce(|first, other| first.filter(|_| first == other))
                .flatten()
                .cloned();
            let nullable = (welcome || untyped) && !refused && !list;
            resolved.push(Resolved {
                name,
                is_named,
                scalar,
                nullable,
                list,
                origin,
                as_type: None,
            });
        }
        self.seen = vec![Seen::default(); self.declared.len()];
        let stable = self.resolved.as_ref() == Some(&resolved);
        self.resolved = Some(resolved);
        (stable, problems)
    }

    /// What is said of a parameter and of those it meets.
    fn wants_of_linked(&self, index: usize) -> Vec<(Expectation, Bytes)> {
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

    /// The parameters, and the enums that they themselves make.
    pub(super) fn into_resolved(self) -> (Vec<Resolved>, Vec<TextEnum>) {
        (self.resolved.unwrap_or_default(), self.text_enums)
    }
}

/// The texts among which a parameter chooses, when it does nothing else: `CASE :sort WHEN 'name' THEN ...`.
fn chosen(expectations: &[(Expectation, Bytes)]) -> Option<Vec<String>> {
    let mut values: Vec<String> = Vec::new();
    for (expected, _) in expectations {
        let value = expected.chosen.as_ref()?;
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    let variants: BTreeSet<String> = values.iter().map(|value| Name::new(value).ty).collect();
    (values.len() > 1 && variants.len() == values.len()).then_some(values)
}

fn is_specific(expected: &Expectation) -> bool {
    ScalarType::of(expected.storage, expected.domain) != ScalarType::Any
}
