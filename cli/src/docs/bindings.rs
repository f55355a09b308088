//! The section of the bindings: one table per kind.

use std::collections::HashMap;

use bindery_codegen::manifest::Resource;
use bindery_codegen::model::{Bound, Project};

use super::page::{Section, code};
use super::{by_environment, environment_name, field};

pub(super) fn section(project: &Project) -> Section {
    let mut section = Section::new("bindings", "Bindings");
    section.text(summary(project));

    let mut resources = by_environment(project, |environment| {
        let bindings = environment.bindings.iter();
        bindings
            .map(|binding| (binding.name.value.as_str(), describe(&binding.resource)))
            .collect()
    });
    let kinds = project.bindings.iter().map(title);
    let mut titles: Vec<&str> = kinds.collect();
    titles.sort_unstable_by_key(|title| title.to_lowercase());
    titles.dedup();

    for wanted in titles {
        let of_kind = project
            .bindings
            .iter()
            .filter(|bound| title(bound) == wanted);
        let rows = of_kind.map(|bound| row(bound, &mut resources));

        let id = format!("kind-{}", wanted.replace(' ', "-"));
        let mut part = Section::new(id, capitalize(wanted));
        part.table(&["binding", "field", "resource"], rows.collect());
        section.parts.push(part);
    }
    section
}

/// The number of bindings, and the environments if there are several.
fn summary(project: &Project) -> String {
    let count = match project.bindings.len() {
        1 => "1 binding".to_owned(),
        count => format!("{count} bindings"),
    };

    let environments = project.manifest.environments.iter();
    let names: Vec<String> = environments
        .map(|environment| code(&environment_name(environment)))
        .collect();
    let environments = if names.len() > 1 {
        format!(" in the environments {}", names.join(", "))
    } else {
        String::new()
    };
    format!("{count}{environments}. Each binding is a field of `Env`.")
}

fn title(bound: &Bound) -> &'static str {
    bound.resource.kind.definition().title.name
}

/// The title with a capital letter, except that "mTLS" starts with a lower-case letter.
fn capitalize(title: &str) -> String {
    let mut rest = title.chars();
    match rest.next() {
        Some(first) if !title.starts_with("mTLS") => first.to_uppercase().chain(rest).collect(),
        _ => title.to_owned(),
    }
}

fn row(bound: &Bound, resources: &mut HashMap<&str, String>) -> Vec<String> {
    let name = &bound.name.source;
    let path = format!("env.{}", bound.name.field);
    let field = field(&path, bound.optional);
    let mut of_source = |source: &str| resources.remove(source).unwrap_or_default();
    let resources = match &bound.shards {
        None => of_source(name),
        Some(_) => {
            let sources = bound.sources();
            let of_each = sources.map(|source| format!("{}: {}", code(source), of_source(source)));
            of_each.collect::<Vec<_>>().join("; ")
        }
    };
    vec![code(name), field, resources]
}

/// The resource that a binding is bound to, by the settings that identify it.
fn describe(resource: &Resource) -> String {
    if let Some(key) = resource.kind.definition().identifier {
        let identifier = resource.setting(key);
        let identifier = identifier.map_or_else(|| "created by wrangler".to_owned(), code);
        return match resource.d1() {
            Some(d1) => format!("{identifier}, migrations in {}", code(d1.folder())),
            None => identifier,
        };
    }
    if resource.settings.is_empty() {
        return "the account".to_owned();
    }

    let settings = resource.settings.iter();
    let settings = settings.map(|(key, value)| format!("{key} {}", code(value)));
    let migrations = resource.database();
    let migrations = migrations.map(|d1| format!("migrations in {}", code(d1.folder())));
    settings.chain(migrations).collect::<Vec<_>>().join(", ")
}
