//! Rate limits.

use super::definition::{Definition, Form, Hooks, Native, RuntimeType, Title, TypeScript};
use crate::manifest::grammar::{Field, Key, Scope::Own, Shape::*, required};
use crate::manifest::node::Value;
use crate::manifest::table::Table;
use crate::report::{Code, Diagnostic, Errors};

const PAGE: &str = "https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/";
const SIMPLE: &[Field] = &[required("limit", Number), required("period", Number)];

pub(super) const LIMITER: Definition = Definition {
    key: "ratelimits",
    title: Title::new("a", "rate limiter"),
    form: Form::NamedList,
    grammar: Key::new(
        "ratelimits",
        Own,
        List(&Table(&[
            required("name", Name),
            required("namespace_id", Text),
            required("simple", Table(SIMPLE)),
        ])),
    ),
    runtime: RuntimeType::new("rate_limit", "RateLimiter"),
    typescript: TypeScript::Name("RateLimit"),
    native: Native::Simulated("counts in this process"),
    identifier: None,
    hooks: Hooks {
        check: limit_and_period,
        ..Hooks::DEFAULT
    },
};

fn limit_and_period(errors: &mut Errors, table: &Table<'_>) {
    let Some(simple) = table.table("simple") else {
        return;
    };

    simple.number(errors, "limit", 1..=u32::MAX, 1, PAGE);
    if let Some(node) = simple.get("period")
        && !matches!(node.value, Value::Integer(10 | 60))
    {
        errors.push(
            Diagnostic::new(
                Code::ManifestLimit,
                "`period` must be 10 or 60 seconds",
                node.span,
            )
            .label("outside the platform's limits")
            .help(format!("see {PAGE}")),
        );
    }
}
