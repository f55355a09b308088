//! Email Workers: sending.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{Key, REMOTE, Scope::Own, Shape::*, optional, required};
use crate::manifest::table::Table;
use crate::report::{Code, Diagnostic, Errors};

pub(super) const SENDER: Definition = Definition {
    key: "send_email",
    title: Title::new("an", "email sender"),
    form: Form::NamedList,
    grammar: Key::new(
        "send_email",
        Own,
        List(&Table(&[
            required("name", Name),
            optional("destination_address", Text),
            optional("allowed_destination_addresses", List(&Text)),
            optional("allowed_sender_addresses", List(&Text)),
            REMOTE,
        ])),
    ),
    runtime: RuntimeType::new("email", "SendEmail"),
    typescript: TypeScript::Name("SendEmail"),
    native: Native::Simulated("appends emails to a file of JSON lines in the state folder"),
    identifier: None,
    hooks: Hooks {
        check: destinations,
        ..Hooks::DEFAULT
    },
};

fn destinations(errors: &mut Errors, table: &Table<'_>) {
    let one = table.get("destination_address");
    let several = table.get("allowed_destination_addresses");
    if let (Some(_), Some(node)) = (one, several) {
        let message =
            "`destination_address` and `allowed_destination_addresses` exclude each other";
        errors.push(
            Diagnostic::new(Code::ManifestField, message, node.span)
                .label("the second one")
                .fix(table.remove("allowed_destination_addresses")),
        );
    }
}
