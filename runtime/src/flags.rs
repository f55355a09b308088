//! Feature flags: typed values that change without a deployment, for all users or for a part of
//! them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::backend::log_line;
use crate::bindings::key::Binding;
use crate::error::{Error, ErrorKind, Result};
use crate::json;
use crate::kv::Kv;

/// A flag: its name, and the value that it has without a rule.
///
/// # Examples
/// ```
/// use bindery::flags::Flag;
/// use serde::Deserialize;
///
/// #[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Layout {
///     Grid,
///     List,
/// }
///
/// const NEW_EDITOR: Flag<bool> = Flag::new("new_editor", false);
/// const LAYOUT: Flag<Layout> = Flag::new("layout", Layout::Grid);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Flag<T> {
    name: &'static str,
    default: T,
}

impl<T> Flag<T> {
    /// Returns a flag.
    #[must_use]
    pub const fn new(name: &'static str, default: T) -> Self {
        Self { name, default }
    }
}

/// The rules of all flags.
///
/// They are JSON: the value of a flag for all users, or a rule. A user has the same value on each
/// request, in each location and in both worlds. If a percentage grows, the users who had the value
/// before keep it.
///
/// | rule | the value of a user |
/// | --- | --- |
/// | `true`, `7`, `"grid"` | this value |
/// | `{"value": V}` | `V`, which can be an object |
/// | `{"value": V, "percent": 25}` | `V` for a quarter of the users, the default for the others |
/// | `{"variants": [{"value": V, "weight": 1}, {"value": W, "weight": 3}]}` | `V` for a quarter, `W` for the others |
///
/// In each rule `"users": {"ann": V}` sets the value of single users.
///
/// # Examples
/// ```
/// use bindery::flags::{Flag, Flags};
///
/// const NEW_EDITOR: Flag<bool> = Flag::new("new_editor", false);
///
/// let flags = Flags::parse(r#"{"new_editor": {"value": true, "users": {"ann": false}}}"#)?;
/// assert!(flags.get(&NEW_EDITOR, "bob"));
/// assert!(!flags.get(&NEW_EDITOR, "ann"));
/// # Ok::<(), bindery::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flags(BTreeMap<String, Rule>);

/// What decides about the value of a flag.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    /// The values of single users.
    users: BTreeMap<String, Value>,
    choice: Choice,
}

#[derive(Debug, Clone, PartialEq)]
enum Choice {
    /// The default of the flag.
    Default,
    /// A value for a part of the users, from 0 to 1.
    Part(Value, f64),
    /// The values, each with the end of its part, from 0 to 1.
    Variants(Vec<(Value, f64)>),
}

impl Flags {
    /// Reads the rules from JSON.
    ///
    /// # Errors
    /// `InvalidArgument` if the text does not have the form of rules.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |problem: String| {
            let message = format!("the flags are not valid: {problem}");
            Error::worker("flags", ErrorKind::InvalidArgument, message)
        };
        let values = json::parse(text).map_err(|error| invalid(error.describe()))?;
        Self::of(values).map_err(invalid)
    }

    fn of(values: BTreeMap<String, Value>) -> std::result::Result<Self, String> {
        let rule = |(name, value): (String, Value)| match Rule::of(value) {
            Ok(rule) => Ok((name, rule)),
            Err(problem) => Err(format!("`{name}`: {problem}")),
        };
        values
            .into_iter()
            .map(rule)
            .collect::<std::result::Result<_, _>>()
            .map(Self)
    }

    /// Reads the rules from a key of KV. If it does not exist, each flag has its default.
    ///
    /// KV is eventually consistent: a change arrives within a minute.
    ///
    /// # Errors
    /// The error of KV, or `InvalidArgument` if the value does not have the form of rules. A worker
    /// that should go on without them uses `Flags::default()`.
    pub async fn load<B: Binding>(namespace: &Kv<B>, key: &str) -> Result<Self> {
        match namespace.core().text(key).await? {
            Some(text) => Self::parse(&text),
            None => Ok(Self::default()),
        }
    }

    /// Returns the value of a flag for a user: an id, or any other text that stays the same.
    ///
    /// If the value of the rule does not have the type of the flag, the result is the default, and
    /// the log has an error.
    #[must_use]
    pub fn get<T: DeserializeOwned + Clone>(&self, flag: &Flag<T>, user: &str) -> T {
        let rule = self.0.get(flag.name);
        let Some(value) = rule.and_then(|rule| rule.value(flag.name, user)) else {
            return flag.default.clone();
        };

        T::deserialize(value).unwrap_or_else(|_| {
            let name = flag.name;
            log_line(&format!(
                "error: the value of the flag `{name}` has another type, its default is used"
            ));
            flag.default.clone()
        })
    }
}

impl Rule {
    /// Returns `None` for the default.
    fn value(&self, flag: &str, user: &str) -> Option<&Value> {
        if let Some(value) = self.users.get(user) {
            return Some(value);
        }
        match &self.choice {
            Choice::Default => None,
            Choice::Part(value, part) => (position(flag, user) < *part).then_some(value),
            Choice::Variants(variants) => {
                let position = position(flag, user);
                let chosen = variants.iter().find(|(_, end)| position < *end);
                chosen.or(variants.last()).map(|(value, _)| value)
            }
        }
    }
}

/// The place of a user among all users of a flag, from 0 to less than 1. It is another one for each
/// flag, so that the same users do not get all new features first.
fn position(flag: &str, user: &str) -> f64 {
    let mut hash = Sha256::new();
    hash.update(flag);
    // No name of a flag contains it, so that no two pairs have the same text.
    hash.update([0]);
    hash.update(user);
    let digest = hash.finalize();

    // As many bits as a float has.
    let first: [u8; 8] = std::array::from_fn(|index| digest[index]);
    (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The JSON of a rule that is an object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleJson {
    #[serde(default)]
    users: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    percent: Option<f64>,
    #[serde(default)]
    variants: Vec<VariantJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariantJson {
    value: Value,
    weight: f64,
}

/// Distinguishes `null` from a missing value.
fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// So that a variable of the manifest can have this type.
impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let values = BTreeMap::deserialize(deserializer)?;
        Self::of(values).map_err(de::Error::custom)
    }
}

/// What is wrong with a rule. The text has no values of the rules.
enum Problem {
    Form,
    Percent,
    PercentOfNothing,
    Weights,
    Two,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Form => {
                "a rule has the fields `value`, `percent`, `variants` with `value` and `weight`, \
                 and `users`"
            }
            Self::Percent => "`percent` must be from 0 to 100",
            Self::PercentOfNothing => "`percent` needs a `value`",
            Self::Weights => "the weights must not be negative, and their sum must be positive",
            Self::Two => "a rule has either a `value` or `variants`",
        })
    }
}

impl Rule {
    fn of(value: Value) -> std::result::Result<Self, Problem> {
        if !value.is_object() {
            return Ok(Self {
                users: BTreeMap::new(),
                choice: Choice::Part(value, 1.0),
            });
        }
        let RuleJson {
            users,
            value,
            percent,
            variants,
        } = serde_json::from_value(value).map_err(|_| Problem::Form)?;

        let choice = match (value, percent) {
            (Some(_), _) if !variants.is_empty() => return Err(Problem::Two),
            (Some(value), percent) => {
                let percent = percent.unwrap_or(100.0);
                if !(0.0..=100.0).contains(&percent) {
                    return Err(Problem::Percent);
                }
                Choice::Part(value, percent / 100.0)
            }
            (None, Some(_)) => return Err(Problem::PercentOfNothing),
            (None, None) if variants.is_empty() => Choice::Default,
            (None, None) => Choice::Variants(parts(variants)?),
        };
        Ok(Self { users, choice })
    }
}

/// Returns the values with the ends of their parts.
fn parts(variants: Vec<VariantJson>) -> std::result::Result<Vec<(Value, f64)>, Problem> {
    let sum: f64 = variants.iter().map(|variant| variant.weight).sum();
    let is_negative = |variant: &VariantJson| variant.weight < 0.0;
    if variants.iter().any(is_negative) || !sum.is_finite() || sum <= 0.0 {
        return Err(Problem::Weights);
    }

    let mut end = 0.0;
    let part = |VariantJson { value, weight }| {
        end += weight / sum;
        (value, end)
    };
    // A variant without weight has no users, also if rounding leaves a rest.
    let variants = variants.into_iter().filter(|variant| variant.weight > 0.0);
    Ok(variants.map(part).collect())
}
