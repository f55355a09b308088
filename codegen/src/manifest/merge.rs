//! Every environment in one: what all have is required, what some have is optional.

use crate::report::{Diagnostic, Errors, code};
use crate::source::Spanned;

use super::kind::Kind;
use super::layer::{Consumer, Layer};
use super::vars::VarType;

/// What every environment binds, in one.
#[derive(Debug, Clone, Default)]
pub struct Merged {
    /// The bindings, in the order of the file.
    pub bindings: Vec<MergedBinding>,
    /// The variables.
    pub vars: Vec<MergedVar>,
    /// The secrets.
    pub secrets: Vec<MergedSecret>,
    /// The queues that some environment consumes, each once.
    pub consumers: Vec<Consumer>,
    /// The crons of any environment, each once.
    pub crons: Vec<Spanned<String>>,
}

/// A binding over all environments.
#[derive(Debug, Clone)]
pub struct MergedBinding {
    /// Its name, where it stands first.
    pub name: Spanned<String>,
    /// What it is bound to, where it stands first.
    pub kind: Kind,
    /// Whether some environment lacks it.
    pub optional: bool,
}

/// A variable over all environments.
#[derive(Debug, Clone)]
pub struct MergedVar {
    /// Its name, where it stands first.
    pub name: Spanned<String>,
    /// The type that holds the values of every environment.
    pub ty: VarType,
    /// A type of the user's own, which reads itself with serde.
    pub as_type: Option<String>,
    /// Whether some environment lacks it.
    pub optional: bool,
}

/// A secret over all environments.
#[derive(Debug, Clone)]
pub struct MergedSecret {
    /// Its name, where it stands first.
    pub name: Spanned<String>,
    /// Whether some environment lacks it.
    pub optional: bool,
}

/// Unites layers; a name that is bound to two kinds is an error.
pub(super) fn merge(errors: &mut Errors, layers: &[Layer]) -> Merged {
    let mut merged = Merged::default();
    let in_all = |has: &dyn Fn(&Layer) -> bool| layers.iter().all(has);
    for layer in layers {
        for binding in &layer.bindings {
            let name = &binding.name.value;
            match merged.bindings.iter().find(|known| known.name.value == *name) {
                // Twice in one layer is told as a duplicate.
                Some(known) if is_in(layer, known) => {}
                Some(known) if known.kind.key() != binding.kind.key() => errors.push(
                    Diagnostic::new(
                        code::ENVIRONMENT,
                        format!("`{name}` is {} here and {} elsewhere", binding.kind.a_title(), known.kind.a_title()),
                        binding.name.span,
                    )
                    .label("another kind in this environment")
                    .also(known.name.span, format!("{} here", known.kind.a_title()))
                    .help("rename one of them, or build for one environment: `#[bindings(environment = \"...\")]`"),
                ),
                Some(_) => {}
                None => {
                    let has = |layer: &Layer| layer.bindings.iter().any(|other| other.name.value == *name);
                    let (name, kind) = (binding.name.clone(), binding.kind.clone());
                    merged.bindings.push(MergedBinding { name, kind, optional: !in_all(&has) });
                }
            }
        }
        for var in &layer.vars {
            match merged
                .vars
                .iter_mut()
                .find(|known| known.name.value == var.name.value)
            {
                Some(known) => {
                    let both = known.ty.clone().or(var.ty.clone());
                    if both == VarType::Json && known.ty != VarType::Json && var.ty != VarType::Json
                    {
                        errors.push(
                            Diagnostic::new(
                                code::ENVIRONMENT,
                                format!("`{}` has values of several types", var.name.value),
                                var.name.span,
                            )
                            .label("of another type here")
                            .also(known.name.span, "than here")
                            .help("make them one type; as they are `Env` has a JSON value")
                            .warning(),
                        );
                    }
                    known.ty = both;
                }
                None => {
                    let has = |layer: &Layer| {
                        layer
                            .vars
                            .iter()
                            .any(|other| other.name.value == var.name.value)
                    };
                    let (name, ty) = (var.name.clone(), var.ty.clone());
                    merged.vars.push(MergedVar {
                        name,
                        ty,
                        as_type: None,
                        optional: !in_all(&has),
                    });
                }
            }
        }
        for secret in layer.secrets.iter().flatten() {
            if merged
                .secrets
                .iter()
                .all(|known| known.name.value != secret.value)
            {
                let has = |layer: &Layer| {
                    layer
                        .secrets
                        .iter()
                        .flatten()
                        .any(|other| other.value == secret.value)
                };
                merged.secrets.push(MergedSecret {
                    name: secret.clone(),
                    optional: !in_all(&has),
                });
            }
        }
        for consumer in &layer.consumers {
            if merged
                .consumers
                .iter()
                .all(|known| known.queue.value != consumer.queue.value)
            {
                merged.consumers.push(consumer.clone());
            }
        }
        for cron in &layer.crons {
            if merged.crons.iter().all(|known| known.value != cron.value) {
                merged.crons.push(cron.clone());
            }
        }
    }
    secrets_win(&mut merged, layers);
    of_two_kinds(errors, &merged, layers);
    merged
}

/// A name that is a secret in one environment and a variable in another is a secret in both: it must not print.
fn secrets_win(merged: &mut Merged, layers: &[Layer]) {
    for secret in &mut merged.secrets {
        let name = &secret.name.value;
        if merged.vars.iter().any(|var| var.name.value == *name) {
            merged.vars.retain(|var| var.name.value != *name);
            let has = |layer: &Layer| {
                layer.vars.iter().any(|var| var.name.value == *name)
                    || layer
                        .secrets
                        .iter()
                        .flatten()
                        .any(|other| other.value == *name)
            };
            secret.optional = !layers.iter().all(has);
        }
    }
}

/// A name that is a variable or a secret in one environment and a binding in another.
fn of_two_kinds(errors: &mut Errors, merged: &Merged, layers: &[Layer]) {
    for binding in &merged.bindings {
        let name = &binding.name.value;
        let vars = layers
            .iter()
            .filter(|layer| !is_in(layer, binding))
            .flat_map(|layer| {
                let vars = layer.vars.iter().map(|var| (&var.name, "variable"));
                vars.chain(
                    layer
                        .secrets
                        .iter()
                        .flatten()
                        .map(|secret| (secret, "secret")),
                )
            });
        for (other, what) in vars.filter(|(other, _)| other.value == *name) {
            errors.push(
                Diagnostic::new(
                    code::ENVIRONMENT,
                    format!("`{name}` is a {what} here and {} elsewhere", binding.kind.a_title()),
                    other.span,
                )
                .label("another kind in this environment")
                .also(binding.name.span, format!("{} here", binding.kind.a_title()))
                .help("rename one of them, or build for one environment: `#[bindings(environment = \"...\")]`"),
            );
        }
    }
}

/// Whether a binding is one of a layer.
fn is_in(layer: &Layer, binding: &MergedBinding) -> bool {
    layer
        .bindings
        .iter()
        .any(|own| own.name.span == binding.name.span)
}
