//! What the places where a parameter stands say of its type, and the one type that fits them all.

use super::types::{Domain, Storage, Ty};
use crate::keep::{keep_fields, keep_variants};
use crate::names::Name;
use crate::schema::Choices;
use std::collections::BTreeSet;

use crate::syntax::ast::{Bytes, Parameter};

/// The Rust type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rust {
    /// `i64`, within what a JavaScript number holds exactly.
    Integer,
    /// `f64`
    Float,
    /// `bool`
    Boolean,
    /// `&str`, or `String`
    Text,
    /// `&[u8]`, or `Vec<u8>`
    Blob,
    /// One of the texts of a CHECK, by its number in the catalog.
    Choice(u32),
    /// Any value.
    Any,
}

keep_variants! {
    Rust { 0 => Integer, 1 => Float, 2 => Boolean, 3 => Text, 4 => Blob, 5 => Choice(number), 6 => Any }
}

impl Rust {
    /// The type that holds every value of some storage classes.
    #[must_use]
    pub fn of(storage: Storage, domain: Domain) -> Self {
        match storage {
            _ if domain == Domain::Boolean && storage.within(Storage::INTEGRAL) => Self::Boolean,
            Storage::TEXT if let Domain::Choice(number) = domain => Self::Choice(number),
            Storage::NONE => Self::Any,
            _ if domain == Domain::Json => Self::Text,
            _ if storage.within(Storage::INTEGRAL) => Self::Integer,
            _ if storage.within(Storage::NUMERIC) => Self::Float,
            Storage::TEXT => Self::Text,
            Storage::BLOB => Self::Blob,
            _ => Self::Any,
        }
    }

    /// What D1 binds for a value of this type: every number is a REAL.
    fn bound(self) -> (Storage, Domain) {
        match self {
            Self::Integer => (Storage::WHOLE, Domain::Any),
            Self::Boolean => (Storage::WHOLE, Domain::Boolean),
            Self::Float => (Storage::REAL, Domain::Any),
            Self::Text => (Storage::TEXT, Domain::Any),
            Self::Blob => (Storage::BLOB, Domain::Any),
            Self::Choice(number) => (Storage::TEXT, Domain::Choice(number)),
            Self::Any => (Storage::ANY.or(Storage::WHOLE), Domain::Any),
        }
    }

    /// The storage classes of a value of this type, as it is given.
    #[must_use]
    pub fn storage(self) -> Storage {
        match self {
            Self::Integer | Self::Boolean => Storage::INTEGER,
            Self::Float => Storage::REAL,
            Self::Text | Self::Choice(_) => Storage::TEXT,
            Self::Blob => Storage::BLOB,
            Self::Any => Storage::ANY,
        }
    }

    /// The one type of a parameter that is used as both, if there is one.
    fn unified(self, other: Self) -> Option<Self> {
        match (self, other) {
            _ if self == other => Some(self),
            // A text that is compared with texts of a CHECK and with others is a text.
            (Self::Choice(_) | Self::Text, Self::Choice(_) | Self::Text) => Some(Self::Text),
            _ => None,
        }
    }

    /// As it is written for a reader.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Integer => "i64",
            Self::Float => "f64",
            Self::Boolean => "bool",
            Self::Text => "text",
            Self::Blob => "bytes",
            Self::Choice(_) => "one of a CHECK's texts",
            Self::Any => "any value",
        }
    }
}

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
pub(super) struct Want {
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

impl Want {
    /// The type of an expression that the parameter is compared with.
    pub(super) fn compared(ty: &Ty) -> Self {
        let name = ty
            .origin
            .as_ref()
            .and_then(|origin| origin.rsplit('.').next())
            .map(str::to_owned);
        let want = Self::storage(ty.storage, ty.origin.as_deref().unwrap_or("an expression"));
        Self {
            domain: ty.domain,
            name,
            origin: ty.origin.clone(),
            ..want
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
    wants: Vec<(Want, Bytes)>,
    links: Vec<usize>,
}

/// A parameter whose type is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The name, as a method's argument has it.
    pub name: String,
    /// The type of a value that is not NULL.
    pub rust: Rust,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Whether it is a slice.
    pub list: bool,
    /// The one column that it meets, as `table.column`.
    pub origin: Option<String>,
    /// A type of the user's own.
    pub as_type: Option<String>,
}

keep_fields! { Resolved { name, rust, nullable, list, origin, as_type } }

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

/// The parameters of a statement while it is analysed.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    declared: &'a [Parameter],
    seen: Vec<Seen>,
    resolved: Option<Vec<Resolved>>,
    first_choice: usize,
    choices: Vec<Choices>,
}

impl<'a> Parameters<'a> {
    /// `first_choice` is the number of the first enum that is not a CHECK's.
    pub(super) fn new(declared: &'a [Parameter], first_choice: usize) -> Self {
        Self {
            declared,
            seen: vec![Seen::default(); declared.len()],
            resolved: None,
            first_choice,
            choices: Vec::new(),
        }
    }

    /// Notes what a place says.
    pub(super) fn want(&mut self, index: usize, want: Want, span: Bytes) {
        self.seen[index].wants.push((want, span));
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
        let (storage, domain) = resolved.rust.bound();
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
        self.choices.clear();
        let mut taken: Vec<String> = self
            .declared
            .iter()
            .filter_map(|parameter| parameter.name.clone())
            .collect();
        for index in 0..self.declared.len() {
            let wants = self.wants_of_linked(index);
            let strong: Vec<&(Want, Bytes)> = wants
                .iter()
                .filter(|(want, _)| !want.weak && is_specific(want))
                .collect();
            let weak: Vec<&(Want, Bytes)> = wants
                .iter()
                .filter(|(want, _)| want.weak && is_specific(want))
                .collect();
            let specific = if strong.is_empty() { weak } else { strong };
            // Nothing says what it is: it takes any value.
            let untyped =
                specific.is_empty() && wants.iter().all(|(want, _)| want.storage == Storage::NONE);
            if untyped {
                problems.push(Unresolved::Untyped { index });
            }
            let of = |want: &Want| Rust::of(want.storage, want.domain);
            let mut rust = specific.first().map_or(Rust::Any, |(want, _)| of(want));
            for (place, (want, span)) in specific.iter().enumerate() {
                if let Some(unified) = rust.unified(of(want)) {
                    rust = unified;
                    continue;
                }
                let words = |(want, span): (&Want, &Bytes)| {
                    (
                        format!("{} here: {}", of(want).describe(), want.meets),
                        span.clone(),
                    )
                };
                let first = specific[..place]
                    .iter()
                    .find(|(first, _)| of(first).unified(of(want)).is_none());
                let first = first.map_or((String::new(), span.clone()), |(first, span)| {
                    words((first, span))
                });
                problems.push(Unresolved::Conflict {
                    index,
                    first,
                    second: words((want, span)),
                });
                break;
            }
            let own = &self.seen[index].wants;
            let list = own.iter().any(|(want, _)| want.list);
            if let (true, Some(scalar)) = (list, own.iter().find(|(want, _)| !want.list)) {
                let place = own
                    .iter()
                    .find(|(want, _)| want.list)
                    .map_or(0..0, |(_, span)| span.clone());
                let first = ("a slice here".to_owned(), place);
                problems.push(Unresolved::Conflict {
                    index,
                    first,
                    second: ("a single value here".to_owned(), scalar.1.clone()),
                });
            }
            let welcome = wants.iter().any(|(want, _)| want.nulls == Nulls::Welcome);
            let refused = wants.iter().any(|(want, _)| want.nulls == Nulls::Refused);
            let name = self.declared[index].name.clone().unwrap_or_else(|| {
                let wanted = own
                    .iter()
                    .find_map(|(want, _)| want.name.clone())
                    .filter(|name| !taken.contains(name));
                let name = wanted.unwrap_or_else(|| format!("parameter_{}", index + 1));
                taken.push(name.clone());
                name
            });
            if let Some(values) = chosen(&wants) {
                rust = Rust::Choice(
                    u32::try_from(self.first_choice + self.choices.len()).unwrap_or(u32::MAX),
                );
                self.choices.push(Choices::new("", &name, values));
            }
            let origins = specific.iter().map(|(want, _)| want.origin.as_ref());
            let origin = origins
                .reduce(|first, other| first.filter(|_| first == other))
                .flatten()
                .cloned();
            let nullable = (welcome || untyped) && !refused && !list;
            resolved.push(Resolved {
                name,
                rust,
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
    fn wants_of_linked(&self, index: usize) -> Vec<(Want, Bytes)> {
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
            .flat_map(|member| self.seen[member].wants.clone())
            .collect()
    }

    /// The parameters, and the enums that they themselves make.
    pub(super) fn into_resolved(self) -> (Vec<Resolved>, Vec<Choices>) {
        (self.resolved.unwrap_or_default(), self.choices)
    }
}

/// The texts among which a parameter chooses, when it does nothing else: `CASE :sort WHEN 'name' THEN ...`.
fn chosen(wants: &[(Want, Bytes)]) -> Option<Vec<String>> {
    let mut values: Vec<String> = Vec::new();
    for (want, _) in wants {
        let value = want.chosen.as_ref()?;
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    let variants: BTreeSet<String> = values.iter().map(|value| Name::new(value).ty).collect();
    (values.len() > 1 && variants.len() == values.len()).then_some(values)
}

fn is_specific(want: &Want) -> bool {
    Rust::of(want.storage, want.domain) != Rust::Any
}
