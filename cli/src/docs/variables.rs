//! The section of the variables and secrets.

use bindery_codegen::model::Project;

use super::page::{Section, code};
use super::{by_environment, field};

/// The variables with their values, and the secrets without. `None` if there are neither.
pub(super) fn section(project: &Project) -> Option<Section> {
    let mut section = Section::new("values", "Variables and secrets");

    let variables = project.vars.iter().map(|(name, var)| {
        let values = by_environment(project, |environment| {
            let mut vars = environment.vars.iter();
            let var = vars.find(|var| var.name.value == name.source)?;
            Some(code(&var.json))
        });
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
