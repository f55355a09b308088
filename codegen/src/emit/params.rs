//! The arguments of methods, and their conversion to parameters.

use std::fmt::Write;

use super::names::Names;
use crate::names::{Name, spelled};
use crate::sql::parameters::{Resolved, Role};
use crate::sql::template::Choice;
use crate::sql::{Query, ScalarType};

/// The arguments of a method, one after another.
pub(super) fn arguments(names: &Names<'_>, query: &Query) -> String {
    let mut arguments = String::new();
    for parameter in &query.parameters {
        let (argument, ty) = (argument(parameter), names.argument(parameter, "'a"));
        let _ = write!(arguments, "{argument}: {ty}, ");
    }
    arguments
}

/// The only argument of a method that takes a struct, and the statement that unpacks it.
pub(super) fn fields(names: &Names<'_>, params: &str, query: &Query) -> (String, String) {
    let path = format!("{}{params}", names.module);
    let lifetime = lifetime(names, query);
    let unpacked: Vec<String> = query.parameters.iter().map(argument).collect();
    (
        format!("params: {path}{lifetime}"),
        format!("let {path} {{ {} }} = params;", unpacked.join(", ")),
    )
}

/// The only argument of a method that takes a slice of structs.
pub(super) fn rows(names: &Names<'_>, params: &str, query: &Query) -> String {
    let lifetime = match lifetime(names, query) {
        "" => "",
        _ => "<'_>",
    };
    format!("rows: &[{}{params}{lifetime}]", names.module)
}

/// `<'a>` if a field of the struct of arguments borrows.
fn lifetime(names: &Names<'_>, query: &Query) -> &'static str {
    let mut parameters = query.parameters.iter();
    let borrows = parameters.any(|parameter| names.field(parameter).contains("'a"));
    if borrows { "<'a>" } else { "" }
}

/// The struct of a method's arguments.
pub(super) fn params(out: &mut String, names: &Names<'_>, ident: &str, docs: &str, query: &Query) {
    let lifetime = lifetime(names, query);
    let (mut fields, mut required, mut values) = (String::new(), String::new(), String::new());
    let (mut count, mut optional_count) = (0, 0);
    for parameter in &query.parameters {
        let (field, ty) = (argument(parameter), names.field(parameter));
        let _ = write!(
            fields,
            "#[doc = {:?}] pub {field}: {ty}, ",
            parameter_docs(query, parameter)
        );
        if parameter.nullable || parameter.role == Role::Patch {
            let _ = write!(values, "{field}: ::core::default::Default::default(), ");
            optional_count += 1;
        } else {
            let _ = write!(required, "{field}: {ty}, ");
            let _ = write!(values, "{field}, ");
            count += 1;
        }
    }
    let _ = writeln!(
        out,
        "#[doc = {docs:?}]
        #[derive(::core::clone::Clone)]
        pub struct {ident}{lifetime} {{ {fields} }}

        impl{lifetime} ::core::fmt::Debug for {ident}{lifetime} {{
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{
                formatter.debug_struct({ident:?}).finish_non_exhaustive()
            }}
        }}"
    );

    if count == 0 {
        let _ = writeln!(
            out,
            "impl{lifetime} ::core::default::Default for {ident}{lifetime} {{
                fn default() -> Self {{ Self {{ {values} }} }}
            }}"
        );
    } else if optional_count > 0 && count <= MOST_REQUIRED {
        let _ = writeln!(
            out,
            "impl{lifetime} {ident}{lifetime} {{
                /// Creates the arguments without the optional ones.
                #[must_use]
                pub fn new({required}) -> Self {{ Self {{ {values} }} }}
            }}"
        );
    }
}

/// More arguments than this could be swapped unnoticed.
const MOST_REQUIRED: usize = 3;

fn parameter_docs(query: &Query, parameter: &Resolved) -> String {
    let choices = query.template.iter().flat_map(|template| &template.choices);
    let mut filters = choices.filter_map(|choice| match choice {
        Choice::Filter(indexes) => Some(indexes.iter().map(|index| &query.parameters[*index])),
        Choice::Sort(_) | Choice::Patch(_) | Choice::After => None,
    });
    let is_filter = filters.any(|mut tested| tested.any(|tested| tested.name == parameter.name));

    let mut docs = match &parameter.origin {
        Some(origin) => format!("A value for `{origin}`."),
        None => format!("The parameter `{}`.", parameter.name),
    };
    match (parameter.role, parameter.nullable) {
        (Role::Value, true) if is_filter => docs.push_str(" `None` omits the condition."),
        (Role::Value, true) => docs.push_str(" `None` is NULL."),
        (Role::Patch, false) => docs.push_str(" `None` leaves it unchanged."),
        (Role::Patch, true) => docs.push_str(" Unchanged by default."),
        (Role::Value, false) | (Role::Sort, _) => {}
    }
    docs
}

/// The name of an argument.
pub(super) fn argument(parameter: &Resolved) -> String {
    spelled(&Name::new(&parameter.name).field)
}

/// The function of the runtime's hidden module that converts an argument to a parameter.
fn encoder(parameter: &Resolved) -> &'static str {
    let is_own = parameter.as_type.is_some();
    match parameter.scalar {
        _ if !parameter.list => "value",
        ScalarType::Text if !is_own => "text_list",
        ScalarType::Blob if !is_own => "bytes_list",
        ScalarType::Blob => "blob_list",
        ScalarType::Any if !is_own => "value_list",
        ScalarType::Any => "any_list",
        ScalarType::Float => "real_list",
        ScalarType::Integer | ScalarType::Boolean | ScalarType::Text | ScalarType::Enum(_) => {
            "list"
        }
    }
}

/// The expression that converts an argument to a parameter.
pub(super) fn encode(krate: &str, parameter: &Resolved, argument: &str) -> String {
    if parameter.role == Role::Sort {
        return format!("{krate}::__private::Parameter::Null");
    }
    let encoder = format!("{krate}::__private::{}", encoder(parameter));
    if parameter.list && parameter.nullable {
        format!("{krate}::__private::optional({argument}, {encoder})")
    } else {
        format!("{encoder}({argument})")
    }
}

/// Whether the argument is a slice of anything that can be borrowed as text or as bytes.
pub(super) fn is_generic(parameter: &Resolved) -> bool {
    !parameter.nullable && ["text_list", "bytes_list"].contains(&encoder(parameter))
}
