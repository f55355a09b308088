//! R2.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{BINDING, Key, REMOTE, Scope::Own, Shape::*, optional, required};
use crate::manifest::table::Table;
use crate::report::{Code, Diagnostic, Errors};

const CREDENTIALS: &[crate::manifest::grammar::Field] = &[
    required("accessKeyId", Text),
    required("secretAccessKey", Text),
];

pub(super) const BUCKET: Definition = Definition {
    key: "r2_buckets",
    title: Title::new("an", "R2 bucket"),
    form: Form::List,
    grammar: Key::new(
        "r2_buckets",
        Own,
        List(&Table(&[
            BINDING,
            optional("bucket_name", Text),
            optional("preview_bucket_name", Text),
            optional("jurisdiction", Text),
            REMOTE,
            optional(
                "local_dev",
                Table(&[optional("experimental_s3_credentials", Table(CREDENTIALS))]),
            ),
        ])),
    ),
    runtime: RuntimeType {
        module: "r2",
        name: "R2",
        is_generic: true,
    },
    typescript: TypeScript::Name("R2Bucket"),
    native: Native::Full,
    identifier: Some("bucket_name"),
    hooks: Hooks {
        is_public: |key| key != "local_dev",
        check: bucket_name,
        docs: |binding, bucket| match bucket.setting("bucket_name") {
            Some(name) => format!("The R2 bucket `{binding}` (`{name}`)."),
            None => format!("The R2 bucket `{binding}`."),
        },
        ..Hooks::DEFAULT
    },
};

fn bucket_name(errors: &mut Errors, table: &Table<'_>) {
    let Some(name) = table.filled(errors, "bucket_name") else {
        return;
    };

    let bytes = name.value.as_bytes();
    let is_alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_valid = (3..=63).contains(&bytes.len())
        && bytes.first().is_some_and(is_alphanumeric)
        && bytes.last().is_some_and(is_alphanumeric)
        && bytes
            .iter()
            .all(|byte| is_alphanumeric(byte) || *byte == b'-');
    if !is_valid {
        let message = format!("`{}` is not a valid R2 bucket name", name.value);
        errors.push(
            Diagnostic::new(Code::ManifestLimit, message, name.span)
                .label("3 to 63 lowercase letters, digits and `-`, no `-` at either end")
                .help("see https://developers.cloudflare.com/r2/buckets/create-buckets/"),
        );
    }
}
