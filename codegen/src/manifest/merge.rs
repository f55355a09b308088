//! Merges all environments into one. Items that all environments have are required; the others
//! are optional.

use std::collections::{HashMap, HashSet};

use super::environment::{Consumer, Environment};
use super::kind::Resource;
use super::shards::Shards;
use super::vars::{Var, VarType};
use crate::report::{Code, Diagnostic, Errors};
use crate::source::{Span, Spanned};

/// The bindings, variables and secrets of all environments, merged.
#[derive(Debug, Clone, Default)]
pub struct Merged {
    /// The bindings, in the order of the file.
    pub bindings: Vec<MergedBinding>,
    /// The variables.
    pub vars: Vec<MergedVar>,
    /// The secrets.
    pub secrets: Vec<MergedSecret>,
    /// The queues that any environment consumes, each once.
    pub consumers: Vec<Consumer>,
    /// The crons of any environment, each once.
    pub crons: Vec<Spanned<String>>,
}

/// A binding of any environment.
#[derive(Debug, Clone)]
pub struct MergedBinding {
    /// Its name, where it first appears.
    pub name: Spanned<String>,
    /// Its resource, where it first appears.
    pub resource: Resource,
    /// Whether some environment lacks it.
    pub optional: bool,
    /// The databases, if it is a set of them.
    pub shards: Option<Shards>,
}

impl MergedBinding {
    /// Whether it is a binding of the manifest, or has it as a database.
    #[must_use]
    pub fn includes(&self, binding: &str) -> bool {
        match &self.shards {
            Some(shards) => shards.contains(binding),
            None => self.name.value == binding,
        }
    }
}

/// A variable of any environment.
#[derive(Debug, Clone)]
pub struct MergedVar {
    /// Its name, where it first appears.
    pub name: Spanned<String>,
    /// The type that holds the values of every environment.
    pub ty: VarType,
    /// A type of the user's own, which implements `Deserialize`.
    pub as_type: Option<String>,
    /// Whether some environment lacks it.
    pub optional: bool,
}

/// A secret of any environment.
#[derive(Debug, Clone)]
pub struct MergedSecret {
    /// Its name, where it first appears.
    pub name: Spanned<String>,
    /// Whether some environment lacks it.
    pub optional: bool,
}

/// Merges environments. A name with two kinds is an error.
pub(super) fn merge(errors: &mut Errors, environments: &[Environment]) -> Merged {
    let names: Vec<Names<'_>> = environments.iter().map(Names::new).collect();
    let mut merged = Merged {
        bindings: merge_bindings(errors, environments, &names),
        vars: merge_vars(errors, environments),
        secrets: merge_secrets(environments),
        ..Merged::default()
    };

    let (mut queues, mut crons) = (HashSet::new(), HashSet::new());
    for environment in environments {
        for consumer in &environment.consumers {
            if queues.insert(consumer.queue.value.as_str()) {
                merged.consumers.push(consumer.clone());
            }
        }
        for cron in &environment.crons {
            if crons.insert(cron.value.as_str()) {
                merged.crons.push(cron.clone());
            }
        }
    }

    prefer_secrets(&mut merged, &names);
    check_kinds(errors, &merged, environments, &names);
    merged
}

impl Environment {
    fn secrets(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.secrets.iter().flatten()
    }
}

/// The names of one environment.
struct Names<'a> {
    vars: HashSet<&'a str>,
    secrets: HashSet<&'a str>,
    /// Where its bindings are named.
    binding_spans: HashSet<Span>,
}

impl<'a> Names<'a> {
    fn new(environment: &'a Environment) -> Self {
        let vars = environment.vars.iter().map(|var| var.name.value.as_str());
        let secrets = environment.secrets().map(|secret| secret.value.as_str());
        let bindings = environment.bindings.iter();
        Self {
            vars: vars.collect(),
            secrets: secrets.collect(),
            binding_spans: bindings.map(|binding| binding.name.span).collect(),
        }
    }

    /// Whether a binding first appears in this environment.
    fn declares(&self, binding: &MergedBinding) -> bool {
        self.binding_spans.contains(&binding.name.span)
    }
}

/// The number of environments that have each name.
fn counts<'a, N: Iterator<Item = &'a str>>(
    environments: &'a [Environment],
    names: impl Fn(&'a Environment) -> N,
) -> HashMap<&'a str, usize> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for environment in environments {
        let unique: HashSet<&str> = names(environment).collect();
        for name in unique {
            *counts.entry(name).or_default() += 1;
        }
    }
    counts
}

fn merge_bindings(
    errors: &mut Errors,
    environments: &[Environment],
    names: &[Names<'_>],
) -> Vec<MergedBinding> {
    let counts = counts(environments, |environment| {
        let bindings = environment.bindings.iter();
        bindings.map(|binding| binding.name.value.as_str())
    });
    let mut merged: Vec<MergedBinding> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();

    for (environment, names) in environments.iter().zip(names) {
        for binding in &environment.bindings {
            let name = binding.name.value.as_str();
            let Some(first) = known.get(name).and_then(|index| merged.get(*index)) else {
                known.insert(name, merged.len());
                merged.push(MergedBinding {
                    name: binding.name.clone(),
                    resource: binding.resource.clone(),
                    optional: counts.get(name) != Some(&environments.len()),
                    shards: None,
                });
                continue;
            };
            // A name that one environment has twice is reported as a duplicate.
            if first.resource.kind != binding.resource.kind && !names.declares(first) {
                let title = binding.resource.kind.definition().title.with_article();
                errors.push(two_kinds(&title, &binding.name, first));
            }
        }
    }
    merged
}

fn merge_vars(errors: &mut Errors, environments: &[Environment]) -> Vec<MergedVar> {
    let counts = counts(environments, |environment| {
        environment.vars.iter().map(|var| var.name.value.as_str())
    });
    let mut merged: Vec<MergedVar> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();

    for var in environments
        .iter()
        .flat_map(|environment| &environment.vars)
    {
        let name = var.name.value.as_str();
        match known.get(name).and_then(|index| merged.get_mut(*index)) {
            Some(first) => merge_var(errors, first, var),
            None => {
                known.insert(name, merged.len());
                merged.push(MergedVar {
                    name: var.name.clone(),
                    ty: var.ty.clone(),
                    as_type: None,
                    optional: counts.get(name) != Some(&environments.len()),
                });
            }
        }
    }
    merged
}

/// Merges a variable with the one that has its name in an earlier environment.
fn merge_var(errors: &mut Errors, first: &mut MergedVar, var: &Var) {
    let both = first.ty.clone().or(var.ty.clone());
    if both == VarType::Json && first.ty != VarType::Json && var.ty != VarType::Json {
        let message = format!("the values of `{}` have different types", var.name.value);
        errors.push(
            Diagnostic::new(Code::Environment, message, var.name.span)
                .label("another type here")
                .also(first.name.span, "than here")
                .help("use one type everywhere; otherwise `Env` has a JSON value")
                .warning(),
        );
    }
    first.ty = both;
}

fn merge_secrets(environments: &[Environment]) -> Vec<MergedSecret> {
    let counts = counts(environments, |environment| {
        environment.secrets().map(|secret| secret.value.as_str())
    });
    let mut known: HashSet<&str> = HashSet::new();
    let secrets = environments.iter().flat_map(Environment::secrets);
    secrets
        .filter(|secret| known.insert(&secret.value))
        .map(|secret| MergedSecret {
            name: secret.clone(),
            optional: counts.get(secret.value.as_str()) != Some(&environments.len()),
        })
        .collect()
}

/// A name that is a secret in one environment and a variable in another is a secret in both, so
/// that it never prints.
fn prefer_secrets(merged: &mut Merged, names: &[Names<'_>]) {
    let vars = merged.vars.iter().map(|var| var.name.value.clone());
    let vars: HashSet<String> = vars.collect();
    let mut both: HashSet<String> = HashSet::new();
    for secret in &mut merged.secrets {
        let name = secret.name.value.as_str();
        if vars.contains(name) {
            let has = |names: &Names<'_>| names.vars.contains(name) || names.secrets.contains(name);
            secret.optional = !names.iter().all(has);
            both.insert(name.to_owned());
        }
    }
    merged.vars.retain(|var| !both.contains(&var.name.value));
}

/// Reports names that are a variable or a secret in one environment and a binding in another.
fn check_kinds(
    errors: &mut Errors,
    merged: &Merged,
    environments: &[Environment],
    names: &[Names<'_>],
) {
    let bindings = merged.bindings.iter();
    let bindings: HashMap<&str, &MergedBinding> = bindings
        .map(|binding| (binding.name.value.as_str(), binding))
        .collect();

    for (environment, names) in environments.iter().zip(names) {
        let vars = environment.vars.iter().map(|var| ("a variable", &var.name));
        let secrets = environment.secrets().map(|secret| ("a secret", secret));
        for (title, name) in vars.chain(secrets) {
            let binding = bindings.get(name.value.as_str());
            if let Some(binding) = binding.filter(|binding| !names.declares(binding)) {
                errors.push(two_kinds(title, name, binding));
            }
        }
    }
}

/// A name that is bound to `title` in one environment and to another kind where it first appears.
fn two_kinds(title: &str, name: &Spanned<String>, first: &MergedBinding) -> Diagnostic {
    let first_title = first.resource.kind.definition().title.with_article();
    let message = format!(
        "`{}` is {title} here and {first_title} elsewhere",
        name.value
    );
    Diagnostic::new(Code::Environment, message, name.span)
        .label("another kind in this environment")
        .also(first.name.span, format!("{first_title} here"))
        .help(
            "rename one of them, or build for one environment: \
             `#[bindings(environment = \"...\")]`",
        )
}
