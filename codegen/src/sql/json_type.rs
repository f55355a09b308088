//! The Rust type of a column whose JSON the statement builds.

use crate::cache::encode_variants;
use crate::names::{Name, nested_type};

use super::ResultColumn;
use super::json::Json;
use super::scalar::ScalarType;
use super::types::{Storage, Ty};

/// A tuple with more items has no `Debug` in Rust.
const MAX_TUPLE: usize = 12;

/// What JSON contains, as a Rust type. The values have the form of columns.
#[derive(Debug, Clone)]
pub enum JsonType {
    /// JSON of any content, as a text. It only occurs inside other JSON.
    Raw,
    /// `Vec`
    List(Box<ResultColumn>),
    /// A tuple.
    Tuple(Vec<ResultColumn>),
    /// A struct.
    Object(Vec<ResultColumn>),
    /// `BTreeMap<String, _>`
    Map(Box<ResultColumn>),
}

encode_variants! {
    JsonType { 0 => Raw, 1 => List(item), 2 => Tuple(items), 3 => Object(fields), 4 => Map(value) }
}

impl JsonType {
    /// The type of the content of a column; `None` if it is read as a text.
    pub(super) fn of_column(ty: &Ty) -> Option<Self> {
        let json = ty.json.as_ref().filter(|_| ty.storage == Storage::TEXT)?;
        Self::of(json)
    }

    /// The type of a content that is known.
    fn of(json: &Json) -> Option<Self> {
        match json {
            Json::Unknown => None,
            Json::List(item) => Some(Self::List(Box::new(value("", item)))),
            Json::Map(item) => Some(Self::Map(Box::new(value("", item)))),
            Json::Tuple(items) => {
                let is_tuple = (1..=MAX_TUPLE).contains(&items.len());
                let items = items.iter().enumerate();
                let items = items.map(|(index, item)| value(&(index + 1).to_string(), item));
                is_tuple.then(|| Self::Tuple(items.collect()))
            }
            Json::Object(fields) => {
                let mut names: Vec<String> =
                    fields.iter().map(|(key, _)| Name::new(key).field).collect();
                names.sort();
                names.dedup();
                let is_struct = !fields.is_empty() && names.len() == fields.len();
                let fields = fields.iter().map(|(key, field)| value(key, field));
                is_struct.then(|| Self::Object(fields.collect()))
            }
        }
    }

    /// The values in the JSON.
    #[must_use]
    pub fn values(&self) -> &[ResultColumn] {
        match self {
            Self::Raw => &[],
            Self::List(value) | Self::Map(value) => std::slice::from_ref(value),
            Self::Tuple(values) | Self::Object(values) => values,
        }
    }

    /// The structs of the objects, and their fields. `ident` is the name of the type of an object
    /// that is not inside another one.
    #[must_use]
    pub fn objects(&self, ident: &str) -> Vec<(String, &[ResultColumn])> {
        let mut objects = Vec::new();
        for value in self.values() {
            if let Some(json) = &value.json {
                objects.extend(json.objects(&self.value_ident(ident, value)));
            }
        }
        if let Self::Object(fields) = self {
            objects.push((ident.to_owned(), fields.as_slice()));
        }
        objects
    }

    /// The name of the type of an object that is a value in this JSON.
    #[must_use]
    pub fn value_ident(&self, ident: &str, value: &ResultColumn) -> String {
        match self {
            Self::Raw | Self::List(_) | Self::Map(_) => ident.to_owned(),
            Self::Tuple(_) => format!("{ident}{}", value.name),
            Self::Object(_) => nested_type(ident, &value.name),
        }
    }

    /// The values in the JSON.
    pub fn values_mut(&mut self) -> &mut [ResultColumn] {
        match self {
            Self::Raw => &mut [],
            Self::List(value) | Self::Map(value) => std::slice::from_mut(value),
            Self::Tuple(values) | Self::Object(values) => values,
        }
    }
}

impl ResultColumn {
    /// The type of its JSON, unless the application chose another type.
    #[must_use]
    pub fn built_json(&self) -> Option<&JsonType> {
        self.json.as_ref().filter(|_| self.as_type.is_none())
    }
}

/// Whether two columns contain the same JSON, if the values in it are compared by `same_value`.
pub(crate) fn same_json(
    left: &ResultColumn,
    right: &ResultColumn,
    same_value: &dyn Fn(&ResultColumn, &ResultColumn) -> bool,
) -> bool {
    match (&left.json, &right.json) {
        (Some(left), Some(right)) => {
            let (ours, theirs) = (left.values(), right.values());
            std::mem::discriminant(left) == std::mem::discriminant(right)
                && ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| same_value(ours, theirs))
        }
        (left, right) => left.is_none() && right.is_none(),
    }
}

/// A value in JSON.
fn value(name: &str, ty: &Ty) -> ResultColumn {
    let json = ty.json.as_ref();
    // A BLOB in JSON is JSONB, which can contain `null`.
    let is_blob = json.is_none() && ty.storage.meets(Storage::BLOB);
    let json = match json {
        Some(json) => Some(JsonType::of(json).unwrap_or(JsonType::Raw)),
        None if ty.storage == Storage::BLOB => Some(JsonType::Raw),
        None => None,
    };
    ResultColumn {
        name: name.to_owned(),
        ty: ty.clone(),
        scalar: ScalarType::of(ty.storage, ty.domain),
        as_type: None,
        nullable: ty.nullable || is_blob,
        nest: None,
        json,
    }
}
