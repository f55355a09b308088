//! Variables that look like secrets: their values are plain text in the manifest and in the
//! dashboard.

use super::environment::Environment;
use super::node::Value;
use super::table::Table;
use crate::report::{Add, Append, Code, Diagnostic, Errors, Fix, Literal};

/// Warns of each variable of an environment whose value looks like a secret.
pub(super) fn check(errors: &mut Errors, own: &Table<'_>, environment: &Environment) {
    let Some(vars) = own.table("vars") else {
        return;
    };

    for var in environment.vars.iter().filter(|var| var.looks_secret()) {
        let name = &var.name.value;
        let selected = match &environment.name {
            Some(environment) => format!(" --env {}", environment.value),
            None => String::new(),
        };
        let message = format!("the variable `{name}` looks like a secret");
        let help = format!("store it with `wrangler secret put {name}{selected}`");
        errors.push(
            Diagnostic::new(Code::PlainSecret, message, var.name.span)
                .label("its value is plain text in the manifest and in the dashboard")
                .help(help)
                .fix(to_secret(own, &vars, environment, name)),
        );
    }
}

/// The fix that removes a variable and requires a secret with its name.
fn to_secret(
    own: &Table<'_>,
    vars: &Table<'_>,
    environment: &Environment,
    name: &str,
) -> Option<Fix> {
    let path = environment.name.iter();
    let path = path.flat_map(|name| ["env".to_owned(), name.value.clone()]);
    let mut path: Vec<String> = path.collect();
    let text = Literal::Text(name.to_owned());
    let names = Literal::List(vec![text.clone()]);

    let require = match (own.get("secrets"), own.table("secrets")) {
        (None, _) => Fix::Add(Add {
            table: own.span,
            path: Some(path),
            key: "secrets".to_owned(),
            value: Literal::Table(vec![("required".to_owned(), names)]),
        }),
        (Some(_), Some(secrets)) => match secrets.get("required") {
            None => {
                path.push("secrets".to_owned());
                Fix::Add(Add {
                    table: secrets.span,
                    path: Some(path),
                    key: "required".to_owned(),
                    value: names,
                })
            }
            Some(required) => {
                let Value::Array(items) = &required.value else {
                    return None;
                };
                path.extend(["secrets".to_owned(), "required".to_owned()]);
                Fix::Append(Append {
                    list: required.span,
                    last: items.last().map(|item| item.span),
                    path,
                    item: text,
                })
            }
        },
        (Some(_), None) => return None,
    };
    Some(Fix::Both(Box::new(vars.remove(name)?), Box::new(require)))
}
