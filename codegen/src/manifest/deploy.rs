//! Rules of wrangler for keys that do not affect the code of the worker, beyond the types of their
//! values: `routes`, `placement`, `observability` and `exports`.

use super::node::{Node, Value};
use super::table::Table;
use crate::report::{Code, Diagnostic, Errors, Fix, Literal, nearest};
use crate::source::Span;

/// Checks the keys of one level: the top level or an environment.
pub(super) fn check(errors: &mut Errors, own: &Table<'_>) {
    if let Some(node) = own.get("route") {
        // wrangler ignores an empty text here.
        let is_empty = matches!(&node.value, Value::String(text) if text.is_empty());
        if !is_empty {
            route(errors, node, "route");
        }
    }
    routes(errors, own);
    if let Some(node) = own.get("placement") {
        placement(errors, node);
    }
    if let Some(table) = own.table("observability") {
        observability(errors, &table);
    }
    exports(errors, own);
}

/// Reports a value that wrangler refuses.
fn refuse(errors: &mut Errors, span: Span, message: String, label: &str) {
    errors.push(Diagnostic::new(Code::ManifestField, message, span).label(label));
}

fn routes(errors: &mut Errors, own: &Table<'_>) {
    let Some(node) = own.get("routes") else {
        return;
    };
    let Value::Array(items) = &node.value else {
        let is_route = matches!(&node.value, Value::String(_) | Value::Table(_));
        let found = node.value.with_article();
        let is_table = matches!(&node.value, Value::Table(_));
        let message = format!("`routes` must be an array, not {found}");
        errors.push(
            Diagnostic::new(Code::ManifestField, message, node.span)
                .label(format!("this is {found}"))
                .fix(is_route.then_some(Fix::Wrap(node.span, is_table))),
        );
        return;
    };

    for (index, item) in items.iter().enumerate() {
        route(errors, item, &format!("routes[{index}]"));
    }
    if let Some((key, _)) = own.entry("route") {
        let message = "`route` and `routes` exclude each other";
        errors.push(
            Diagnostic::new(Code::ManifestField, message, key.span)
                .label("wrangler rejects both")
                .fix(own.remove("route")),
        );
    }
}

/// A route is a pattern, or a table with a pattern and a zone or a custom domain.
fn route(errors: &mut Errors, node: &Node, path: &str) {
    let is_route = match &node.value {
        Value::String(text) => !text.is_empty(),
        Value::Table(_) => Table::new(node, path).is_some_and(|table| is_route_table(&table)),
        _ => false,
    };
    if !is_route {
        let message = format!("`{path}` is not a route");
        let help = "write a pattern, or a table with `pattern` and one of `zone_name`, `zone_id` \
                    and `custom_domain`";
        errors.push(
            Diagnostic::new(Code::ManifestField, message, node.span)
                .label("wrangler rejects it")
                .help(help),
        );
    }
}

fn is_route_table(table: &Table<'_>) -> bool {
    let is_text = |key: &str| table.string(key).is_some();
    let is_flag = |key: &str| {
        let node = table.get(key);
        node.is_some_and(|node| matches!(node.value, Value::Boolean(_)))
    };
    let zones = usize::from(is_text("zone_id")) + usize::from(is_text("zone_name"));
    let is_custom = is_flag("custom_domain");
    let switches = usize::from(is_flag("enabled")) + usize::from(is_flag("previews_enabled"));

    let known = 1 + zones + usize::from(is_custom) + switches;
    is_text("pattern")
        && known == table.entries.len()
        && zones < 2
        && (zones == 1 || is_custom)
        && (switches == 0 || is_custom)
}

/// Placement is `smart` with a hint, or targeted at one of a region, a host and a host name.
fn placement(errors: &mut Errors, node: &Node) {
    const TARGETS: [&str; 3] = ["region", "host", "hostname"];
    let Some(table) = Table::new(node, "placement") else {
        let found = node.value.with_article();
        let message = format!("`placement` must be a table, not {found}");
        return refuse(errors, node.span, message, &format!("this is {found}"));
    };

    let targets: Vec<&str> = TARGETS
        .into_iter()
        .filter(|key| table.get(key).is_some())
        .collect();
    for key in targets.iter().copied().chain(["hint"]) {
        let Some(node) = table.get(key) else { continue };
        let is_filled = match &node.value {
            Value::String(text) => key == "hint" || !text.is_empty(),
            _ => false,
        };
        if !is_filled {
            let message = format!("`placement.{key}` must be a text that is not empty");
            refuse(errors, node.span, message, "not a text");
        }
    }

    let has_hint = table.get("hint").is_some();
    let allowed: &[&str] = match (has_hint, targets.is_empty()) {
        (true, _) => &["off", "smart"],
        (false, false) => &["targeted"],
        (false, true) => &["off", "smart", "targeted"],
    };
    let is_optional = !targets.is_empty() && !has_hint;
    let mode = table.string("mode");
    let mode = mode.as_ref().map(|mode| mode.value.as_str());
    match table.get("mode") {
        None if is_optional => {}
        None => errors.push(
            Diagnostic::new(Code::ManifestField, "`placement` has no `mode`", node.span)
                .label("missing in this table")
                .fix(table.add("mode", Literal::Text("smart".to_owned()))),
        ),
        Some(found) if !mode.is_some_and(|mode| allowed.contains(&mode)) => {
            let listed: Vec<String> = allowed.iter().map(|mode| format!("`{mode}`")).collect();
            let message = format!("`placement.mode` must be {}", listed.join(" or "));
            let near = mode.and_then(|mode| nearest(mode, allowed.iter().copied()));
            let near = near.map(|near| Fix::Guess(found.span, Literal::Text(near.to_owned())));
            errors.push(
                Diagnostic::new(Code::ManifestField, message, found.span)
                    .label("not an allowed value")
                    .fix(near),
            );
        }
        Some(_) => {}
    }

    let excluding = has_hint && !targets.is_empty() || targets.len() > 1;
    let lonely = mode == Some("targeted") && targets.is_empty() && !has_hint;
    let hint = table
        .string("hint")
        .is_some_and(|hint| !hint.value.is_empty());
    if excluding || lonely {
        let message = "`placement` needs one of `region`, `host` and `hostname`, or `hint`";
        refuse(errors, node.span, message.to_owned(), "in this table");
    } else if hint && mode == Some("off") {
        let message = "`placement.hint` needs the mode `smart`".to_owned();
        refuse(errors, node.span, message, "in this table");
    }
}

/// Observability says whether it is enabled, and sampling rates are parts of 1.
fn observability(errors: &mut Errors, table: &Table<'_>) {
    let parts = ["logs", "traces", "issues"];
    let parts: Vec<Table<'_>> = parts
        .into_iter()
        .filter_map(|key| table.table(key))
        .collect();

    let says = |table: &Table<'_>| table.get("enabled").is_some();
    if !says(table) && !parts.iter().any(says) {
        errors.push(
            Diagnostic::new(
                Code::ManifestField,
                "`observability` has no `enabled`",
                table.span,
            )
            .label("missing in this table")
            .fix(table.add("enabled", Literal::Plain("true".to_owned()))),
        );
    }
    for table in parts.iter().chain([table]) {
        let Some(node) = table.get("head_sampling_rate") else {
            continue;
        };
        let rate = match node.value {
            Value::Integer(rate) => rate as f64,
            Value::Float(rate) => rate,
            _ => continue,
        };
        if !(0.0..=1.0).contains(&rate) {
            let message = "`head_sampling_rate` must be between 0 and 1".to_owned();
            refuse(errors, node.span, message, "not a part of 1");
        }
    }
}

/// Each entry of `exports` has a type, and a Durable Object has a state with its own keys.
fn exports(errors: &mut Errors, own: &Table<'_>) {
    let Some(table) = own.table("exports") else {
        return;
    };
    for (name, node) in table.entries {
        let path = format!("exports.{}", name.value);
        let entry = Table::new(node, path.as_str());
        let ty = entry.as_ref().and_then(|entry| entry.text("type"));
        match (entry, ty.as_deref()) {
            (Some(entry), Some("durable-object")) => durable_object(errors, &entry, &name.value),
            (Some(_), Some("worker" | "workflow")) => {}
            _ => {
                let message =
                    format!("`{path}.type` must be `durable-object` or `worker` or `workflow`");
                refuse(errors, node.span, message, "in this table");
            }
        }
    }

    let declares = |entry: &Table<'_>| entry.text("type").as_deref() == Some("durable-object");
    let tables = table
        .entries
        .iter()
        .filter_map(|(_, node)| Table::new(node, ""));
    let migrations = own
        .entry("migrations")
        .filter(|_| !own.array("migrations").is_empty());
    if let Some((key, _)) = migrations
        && tables.into_iter().any(|entry| declares(&entry))
    {
        let message = "`migrations` and `exports` exclude each other".to_owned();
        refuse(errors, key.span, message, "wrangler rejects both");
    }
}

fn durable_object(errors: &mut Errors, entry: &Table<'_>, class: &str) {
    let state = match entry.get("state") {
        None => Some("created".to_owned()),
        Some(_) => entry.text("state"),
    };
    let (allowed, needed): (&[&str], &[&str]) = match state.as_deref() {
        Some("created") => (&["storage", "container"], &["storage"]),
        Some("deleted") => (&[], &[]),
        Some("renamed") => (&["renamed_to"], &["renamed_to"]),
        Some("transferred") => (&["transferred_to"], &["transferred_to"]),
        Some("expecting-transfer") => (
            &["storage", "transfer_from", "container"],
            &["storage", "transfer_from"],
        ),
        _ => {
            let message = format!("`exports.{class}.state` is not a state of a Durable Object");
            let label = "expected `created`, `deleted`, `renamed`, `transferred` or \
                         `expecting-transfer`";
            return refuse(errors, entry.span, message, label);
        }
    };

    for (key, _) in entry.entries {
        let name = key.value.as_str();
        if !["type", "state"].contains(&name) && !allowed.contains(&name) {
            let message = format!("`exports.{class}` cannot have `{name}` in this state");
            refuse(errors, key.span, message, "wrangler rejects it");
        }
    }
    for key in needed
        .iter()
        .chain(allowed.iter().filter(|key| **key == "container"))
    {
        let is_needed = needed.contains(key);
        let text = entry.text(key);
        let is_valid = match (*key, text.as_deref()) {
            ("storage", Some(text)) => ["sqlite", "legacy-kv"].contains(&text),
            ("renamed_to", Some(text)) => text != class && is_identifier(text),
            (_, Some(text)) => !text.is_empty(),
            (_, None) => !is_needed && entry.get(key).is_none(),
        };
        if !is_valid {
            let message = format!("`exports.{class}` needs a valid `{key}`");
            let found = entry.get(key);
            let sqlite = Literal::Text("sqlite".to_owned());
            let fix = match found {
                Some(node) => Fix::Convert(node.span, sqlite),
                None => entry.add(key, sqlite),
            };
            errors.push(
                Diagnostic::new(
                    Code::ManifestField,
                    message,
                    found.map_or(entry.span, |node| node.span),
                )
                .label("wrangler rejects it")
                .fix(Some(fix).filter(|_| *key == "storage")),
            );
        }
    }
}

/// Whether a text is the name of a class in JavaScript.
fn is_identifier(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$';
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(is_word)
}
