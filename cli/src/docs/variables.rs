//! The section of the variables and secrets.

use bindery_codegen::manifest::Var;
use bindery_codegen::model::Project;

use super::page::{Section, code};
use super::{by_environment, field};

/// The variables with their values, and the secrets without. `None` if there are neither.
pub(super) fn section(project: &Project) -> Option<Section> {
    let mut section = Section::new("values", "Variables and secrets");

    let mut values = by_environment(project, |environment| {
        let vars = environment.vars.iter();
        vars.map(|var| (var.name.value.as_str(), value(var)))
            .collect()
    });
    let variables = project.vars.iter().map(|(name, var)| {
        let values = values.remove(name.source.as_str()).unwrap_or_default();
        let path = format!("env.vars.{}", name.field);
        vec![code(&name.source), field(&path, var.optional), values]
    });
    section.table(&["variable", "field", "value"], variables.collect());

    let secrets = project.secrets.iter().map(|(name, optional)| {
        let path = format!("env.secrets.{}", name.field);
        vec![code(&name.source), field(&path, *optional)]
    });
    section.table(&["secret", "field"], secrets.collect());

    (!section.blocks.is_empty()).then_some(section)
}

/// The value as code. A value that looks like a secret is not shown.
fn value(var: &Var) -> String {
    if var.looks_secret() {
        "not shown".to_owned()
    } else {
        code(&var.json)
    }
}
