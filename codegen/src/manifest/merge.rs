//! Merges all environments into one. Items that all environments have are required; the others
//! are optional.

use super::Binding;
use super::environment::{Consumer, Environment};
use super::kind::Resource;
use super::vars::{Var, VarType};
use crate::report::{Code, Diagnostic, Errors};
use crate::source::Spanned;

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
    let mut merged = Merged::default();
    for environment in environments {
        for binding in &environment.bindings {
            merge_binding(
                errors,
                &mut merged.bindings,
                environments,
                environment,
                binding,
            );
        }
        for var in &environment.vars {
            merge_var(errors, &mut merged.vars, environments, var);
        }
        for secret in environment.secrets() {
            if merged
                .secrets
                .iter()
                .all(|known| known.name.value != secret.value)
            {
                let optional = !environments
                    .iter()
                    .all(|other| other.has_secret(&secret.value));
                merged.secrets.push(MergedSecret {
                    name: secret.clone(),
                    optional,
                });
            }
        }
        for consumer in &environment.consumers {
            if merged
                .consumers
                .iter()
                .all(|known| known.queue.value != consumer.queue.value)
            {
                merged.consumers.push(consumer.clone());
            }
        }
        for cron in &environment.crons {
            if merged.crons.iter().all(|known| known.value != cron.value) {
                merged.crons.push(cron.clone());
            }
        }
    }

    prefer_secrets(&mut merged, environments);
    check_kinds(errors, &merged, environments);
    merged
}

impl Environment {
    fn secrets(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.secrets.iter().flatten()
    }

    fn has_secret(&self, name: &str) -> bool {
        self.secrets().any(|secret| secret.value == name)
    }

    fn has_var(&self, name: &str) -> bool {
        self.vars.iter().any(|var| var.name.value == name)
    }

    fn has_binding(&self, name: &str) -> bool {
        self.bindings
            .iter()
            .any(|binding| binding.name.value == name)
    }

    /// Whether a binding first appears in this environment.
    fn declares(&self, binding: &MergedBinding) -> bool {
        self.bindings
            .iter()
            .any(|own| own.name.span == binding.name.span)
    }
}

fn merge_binding(
    errors: &mut Errors,
    merged: &mut Vec<MergedBinding>,
    environments: &[Environment],
    environment: &Environment,
    binding: &Binding,
) {
    let name = &binding.name.value;
    let Some(known) = merged.iter().find(|known| known.name.value == *name) else {
        merged.push(MergedBinding {
            name: binding.name.clone(),
            resource: binding.resource.clone(),
            optional: !environments.iter().all(|other| other.has_binding(name)),
        });
        return;
    };

    // A name that one environment has twice is reported as a duplicate.
    if known.resource.kind != binding.resource.kind && !environment.declares(known) {
        let title = binding.resource.kind.definition().title.with_article();
        errors.push(two_kinds(&title, &binding.name, known));
    }
}

fn merge_var(
    errors: &mut Errors,
    merged: &mut Vec<MergedVar>,
    environments: &[Environment],
    var: &Var,
) {
    let name = &var.name.value;
    let Some(known) = merged.iter_mut().find(|known| known.name.value == *name) else {
        merged.push(MergedVar {
            name: var.name.clone(),
            ty: var.ty.clone(),
            as_type: None,
            optional: !environments.iter().all(|other| other.has_var(name)),
        });
        return;
    };

    let both = known.ty.clone().or(var.ty.clone());
    if both == VarType::Json && known.ty != VarType::Json && var.ty != VarType::Json {
        errors.push(
            Diagnostic::new(
                Code::Environment,
                format!("the values of `{name}` have different types"),
                var.name.span,
            )
            .label("another type here")
            .also(known.name.span, "than here")
            .help("use one type everywhere; otherwise `Env` has a JSON value")
            .warning(),
        );
    }
    known.ty = both;
}

/// A name that is a secret in one environment and a variable in another is a secret in both, so
/// that it never prints.
fn prefer_secrets(merged: &mut Merged, environments: &[Environment]) {
    for secret in &mut merged.secrets {
        let name = &secret.name.value;
        if merged.vars.iter().any(|var| var.name.value == *name) {
            merged.vars.retain(|var| var.name.value != *name);
            let has = |environment: &Environment| {
                environment.has_var(name) || environment.has_secret(name)
            };
            secret.optional = !environments.iter().all(has);
        }
    }
}

/// Reports names that are a variable or a secret in one environment and a binding in another.
fn check_kinds(errors: &mut Errors, merged: &Merged, environments: &[Environment]) {
    for binding in &merged.bindings {
        for environment in environments.iter().filter(|other| !other.declares(binding)) {
            let vars = environment.vars.iter().map(|var| ("a variable", &var.name));
            let secrets = environment.secrets().map(|secret| ("a secret", secret));
            for (title, name) in vars.chain(secrets) {
                if name.value == binding.name.value {
                    errors.push(two_kinds(title, name, binding));
                }
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
