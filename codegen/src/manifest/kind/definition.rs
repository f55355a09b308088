//! The definition of a kind of binding.

use super::{BindingKind, D1};
use crate::manifest::grammar::Key;
use crate::manifest::table::Table;
use crate::report::Errors;
use crate::source::Spanned;

/// Everything that the compiler knows about a kind of binding.
#[derive(Debug)]
pub struct Definition {
    /// The key of the manifest, with `.` for a table in a table.
    pub key: &'static str,
    /// What Cloudflare calls it.
    pub title: Title,
    /// How its bindings are written.
    pub form: Form,
    /// The top-level key that it belongs to, and the values of that key.
    pub grammar: Key,
    /// The type that its bindings wrap.
    pub runtime: RuntimeType,
    /// The type of its bindings in TypeScript.
    pub typescript: TypeScript,
    /// What the native backend does.
    pub native: Native,
    /// The setting that identifies the resource. wrangler creates the resource if it is missing.
    pub identifier: Option<&'static str>,
    /// The steps that only some kinds have.
    pub(crate) hooks: Hooks,
}

impl Definition {
    /// The key of the manifest, as the table that holds the bindings and the key in that table.
    pub(crate) fn holder_and_key(&self) -> (Option<&'static str>, &'static str) {
        match self.key.split_once('.') {
            Some((holder, key)) => (Some(holder), key),
            None => (None, self.key),
        }
    }
}

/// What Cloudflare calls a kind.
#[derive(Debug, Clone, Copy)]
pub struct Title {
    /// `a`, `an`, or empty for a name without an article.
    pub article: &'static str,
    /// The words.
    pub name: &'static str,
}

impl Title {
    pub(super) const fn new(article: &'static str, name: &'static str) -> Self {
        Self { article, name }
    }

    /// The words with their article.
    #[must_use]
    pub fn with_article(self) -> String {
        if self.article.is_empty() {
            self.name.to_owned()
        } else {
            format!("{} {}", self.article, self.name)
        }
    }
}

/// How the bindings of a kind are written.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Form {
    /// An array of tables, each with its name in `binding`.
    List,
    /// An array of tables, each with its name in `name`.
    NamedList,
    /// One table, with its name in `binding`.
    Single,
    /// A table whose keys are the names of the bindings.
    Map,
}

impl Form {
    /// The key that holds the name of a binding.
    #[must_use]
    pub fn name_key(self) -> &'static str {
        match self {
            Self::NamedList => "name",
            Self::List | Self::Single | Self::Map => "binding",
        }
    }
}

/// A type of the runtime.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeType {
    /// Its module.
    pub module: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whether its type parameter is the generated type of the binding.
    pub is_generic: bool,
}

impl RuntimeType {
    pub(super) const fn new(module: &'static str, name: &'static str) -> Self {
        Self {
            module,
            name,
            is_generic: false,
        }
    }
}

/// The type of a binding in TypeScript, as `wrangler types` writes it.
#[derive(Debug, Clone, Copy)]
pub enum TypeScript {
    /// A fixed type.
    Name(&'static str),
    /// A type that depends on the resource.
    Of(fn(&Resource) -> String),
}

/// What the native backend does with a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Native {
    /// The same as the platform.
    Full,
    /// A simpler behavior; the text completes "The native backend ..." in the docs.
    Simulated(&'static str),
    /// Each call returns an `Unsupported` error.
    Unsupported,
}

/// The steps that only some kinds have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hooks {
    /// Whether a key of the binding's table may appear in generated code and docs. A value of any
    /// shape, or under a key that the user chooses, may be a secret.
    pub(crate) is_public: fn(&str) -> bool,
    /// Reports what the grammar cannot express.
    pub(crate) check: fn(&mut Errors, &Table<'_>),
    /// Reads what the compiler needs in addition to the settings.
    pub(crate) details: fn(&mut Errors, &Table<'_>) -> Details,
    /// Whether the native backend needs the content of the file that a setting names.
    pub(crate) embeds_file: bool,
    /// The first paragraph of the docs, from the name of the binding.
    pub(crate) docs: fn(&str, &Resource) -> String,
}

impl Hooks {
    /// The steps of most kinds.
    pub(super) const DEFAULT: Self = Self {
        is_public: |_| true,
        check: |_, _| {},
        details: |_, _| Details::None,
        embeds_file: false,
        docs: |binding, resource| {
            let settings = resource.settings.iter();
            let settings: Vec<String> = settings
                .map(|(key, value)| format!("`{key}` is `{value}`"))
                .collect();
            let settings = match settings.as_slice() {
                [] => String::new(),
                settings => format!(" ({})", settings.join(", ")),
            };
            let Title { article, name } = resource.kind.definition().title;
            if article.is_empty() {
                format!("The binding `{binding}` of {name}{settings}.")
            } else {
                format!("The {name} `{binding}`{settings}.")
            }
        },
    };
}

/// The thing that a binding is bound to.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its kind.
    pub kind: BindingKind,
    /// The settings of the manifest as key and value, without those that may be secrets. A table in
    /// a table is `outer.inner`.
    pub settings: Vec<(String, String)>,
    /// What the compiler needs in addition to the settings.
    pub details: Details,
}

impl Resource {
    /// The value of a setting.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }

    /// The D1 database, if it is one.
    #[must_use]
    pub fn d1(&self) -> Option<&D1> {
        match &self.details {
            Details::D1(d1) => Some(d1),
            Details::None | Details::Class { .. } => None,
        }
    }

    /// The database: a D1 database, or that of each object of a class.
    #[must_use]
    pub fn database(&self) -> Option<&D1> {
        match &self.details {
            Details::D1(d1) => Some(d1),
            Details::Class { database, .. } => database.as_ref(),
            Details::None => None,
        }
    }

    /// The class of this worker that implements it, if there is one.
    #[must_use]
    pub fn class(&self) -> Option<&Spanned<String>> {
        match &self.details {
            Details::Class { class, .. } => Some(class),
            Details::None | Details::D1(_) => None,
        }
    }
}

/// What the compiler needs of a resource in addition to its settings.
#[derive(Debug, Clone, PartialEq)]
pub enum Details {
    /// Nothing.
    None,
    /// The migrations of a D1 database.
    D1(D1),
    /// The class of this worker that implements a Durable Object or a Workflow.
    Class {
        /// Its name.
        class: Spanned<String>,
        /// The database of each object, if the settings name its migrations.
        database: Option<D1>,
    },
}

/// The class of a Durable Object or Workflow, unless another worker implements it.
pub(super) fn own_class(errors: &mut Errors, table: &Table<'_>) -> Details {
    if table.get("script_name").is_some() {
        return Details::None;
    }
    match table.filled(errors, "class_name") {
        Some(class) => Details::Class {
            class,
            database: None,
        },
        None => Details::None,
    }
}
