//! Compares the manifest parser with wrangler: with its published schema and the types that it
//! generates.
//!
//! Both need the `wrangler` package, which `tests/run` installs. Without it the tests are skipped
//! with a message; with `BINDERY_REQUIRE_ALL` set, they fail.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and reports its statistics"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bindery_codegen::emit::typescript;
use bindery_codegen::manifest::BindingKind;
use bindery_codegen::manifest::grammar::{Scope, Shape, find, keys};
use bindery_codegen::manifest::kind::Form;
use bindery_codegen::{Errors, Sources, compile, source};
use serde_json::Value;

/// Returns the folder of the `wrangler` package.
fn wrangler() -> Option<PathBuf> {
    let found = std::env::var_os("BINDERY_NODE_MODULES")
        .map(|folder| PathBuf::from(folder).join("wrangler"));
    let found = found.filter(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: the comparison with wrangler (it needs the package: run `tests/run`)");
        assert!(
            std::env::var_os("BINDERY_REQUIRE_ALL").is_none(),
            "the wrangler package is not installed"
        );
    }
    found
}

// The schema

/// The keys that the grammar models differently from wrangler's schema, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("env", "its tables are checked as separate manifests"),
    (
        "ratelimits[].simple.period",
        "10 and 60 are numbers: a limit, which is reported with its page",
    ),
    (
        "unsafe.bindings[]",
        "a binding of an unreleased kind has any keys",
    ),
    (
        "vpc_networks",
        "a list of two kinds of tables, which the grammar models as one",
    ),
];

/// The grammar models every key of wrangler's schema, or names the reason why it leaves the key to
/// wrangler.
#[test]
fn grammar_equals_the_published_schema() {
    let Some(folder) = wrangler() else { return };
    let schema: Value =
        serde_json::from_slice(&fs::read(folder.join("config-schema.json")).expect("the schema"))
            .expect("JSON");
    let mut walk = Walk {
        schema: &schema,
        differing: String::new(),
        kinds: 0,
        modelled: 0,
        elsewhere: 0,
        exceptions: BTreeSet::new(),
    };
    let root = walk.resolve(&schema["allOf"][0]);
    let environment = walk.resolve(&schema["definitions"]["RawEnvironment"]);
    let properties = root["properties"].as_object().expect("properties");
    for (name, theirs) in properties {
        let Some(key) = find(name) else {
            let _ = writeln!(
                walk.differing,
                "{name}: wrangler has it, the grammar does not"
            );
            continue;
        };
        let is_top = environment["properties"].get(name).is_none();
        if is_top != (key.scope == Scope::Top) {
            let _ = writeln!(
                walk.differing,
                "{name}: whether an environment can contain it"
            );
        }
        walk.shape(name, theirs, &key.field.shape);
    }
    for key in keys().filter(|key| !properties.contains_key(key.field.key)) {
        let _ = writeln!(
            walk.differing,
            "{}: the grammar has it, wrangler does not",
            key.field.key
        );
    }
    // A key whose tables contain `binding` must be a kind of binding.
    for (name, theirs) in properties {
        let table = walk.resolve(theirs);
        let table = if table["type"] == "array" {
            walk.resolve(&table["items"])
        } else {
            table
        };
        let holder = |kind: &BindingKind| kind.definition().key.split('.').next();
        let is_kind = ["vars", "secrets"].contains(&name.as_str())
            || BindingKind::ALL
                .iter()
                .any(|kind| holder(kind) == Some(name));
        let binds = table["properties"].get("binding").is_some()
            || table["anyOf"][0]["properties"].get("binding").is_some();
        if binds && !is_kind {
            let _ = writeln!(
                walk.differing,
                "{name}: it has a `binding`, but there is no such kind of binding"
            );
        }
        walk.kinds += usize::from(is_kind);
    }
    for kind in BindingKind::ALL {
        let definition = kind.definition();
        if definition.form == Form::Map {
            continue;
        }
        let key = definition.key.split('.').next().expect("a key");
        assert!(
            properties.contains_key(key),
            "{key} is not a key of wrangler's schema"
        );
    }
    assert!(walk.differing.is_empty(), "\n{}", walk.differing);
    let unnecessary = EXCEPTIONS
        .iter()
        .find(|(path, _)| !walk.exceptions.contains(*path));
    assert!(
        unnecessary.is_none(),
        "the exception is unnecessary: {unnecessary:?}"
    );
    eprintln!(
        "{} kinds and {} fields are modelled, {} keys are left to wrangler",
        walk.kinds, walk.modelled, walk.elsewhere
    );
}

struct Walk<'a> {
    schema: &'a Value,
    differing: String,
    kinds: usize,
    modelled: usize,
    elsewhere: usize,
    exceptions: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    fn resolve(&self, node: &'a Value) -> &'a Value {
        match node["$ref"].as_str() {
            Some(reference) => {
                let name = reference.rsplit('/').next().unwrap_or_default();
                self.resolve(&self.schema["definitions"][name])
            }
            None => node,
        }
    }

    fn shape(&mut self, path: &str, theirs: &'a Value, ours: &Shape) {
        if EXCEPTIONS.iter().any(|(known, _)| *known == path) {
            self.exceptions.insert(path.to_owned());
            return;
        }
        if matches!(ours, Shape::Elsewhere(_)) {
            self.elsewhere += 1;
            return;
        }
        self.modelled += 1;
        let node = self.resolve(theirs);
        let ty = node["type"].as_str().unwrap_or_default();
        let words = || -> Vec<&str> {
            node["enum"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect()
        };
        let same = match ours {
            Shape::Json => true,
            Shape::Text | Shape::Name | Shape::Date => ty == "string" && node.get("enum").is_none(),
            Shape::Word(own) => {
                let wanted: BTreeSet<&str> = own.iter().copied().collect();
                let constant = node["const"].as_str().into_iter();
                words().into_iter().chain(constant).collect::<BTreeSet<_>>() == wanted
            }
            Shape::Number => ty == "number",
            Shape::Flag => ty == "boolean",
            Shape::Null => ty == "null",
            Shape::List(item) => {
                if ty == "array" {
                    self.shape(&format!("{path}[]"), &node["items"], item);
                }
                ty == "array"
            }
            Shape::Map(value) => {
                let additional = &node["additionalProperties"];
                if additional.is_object()
                    && node["properties"]
                        .as_object()
                        .is_none_or(serde_json::Map::is_empty)
                {
                    self.shape(&format!("{path}.<key>"), additional, value);
                }
                ty == "object"
            }
            Shape::Table(fields) => {
                let properties = node["properties"].as_object();
                let required: Vec<&str> = node["required"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                for (name, theirs) in properties.into_iter().flatten() {
                    let path = format!("{path}.{name}");
                    match fields.iter().find(|field| field.key == name) {
                        Some(field) => {
                            if field.required != required.contains(&name.as_str()) {
                                let _ = writeln!(self.differing, "{path}: whether it is required");
                            }
                            self.shape(&path, theirs, &field.shape);
                        }
                        None => {
                            let _ = writeln!(
                                self.differing,
                                "{path}: wrangler has it, the grammar does not"
                            );
                        }
                    }
                }
                for field in fields
                    .iter()
                    .filter(|field| properties.is_none_or(|known| !known.contains_key(field.key)))
                {
                    let _ = writeln!(
                        self.differing,
                        "{path}.{}: the grammar has it, wrangler does not",
                        field.key
                    );
                }
                ty == "object"
            }
            Shape::Either(shapes) => {
                let theirs: Vec<String> = match (node["type"].as_array(), node["anyOf"].as_array())
                {
                    (Some(types), _) => types
                        .iter()
                        .filter_map(Value::as_str)
                        .map(str::to_owned)
                        .collect(),
                    (_, Some(nodes)) => nodes
                        .iter()
                        .filter_map(|node| self.resolve(node)["type"].as_str())
                        .map(str::to_owned)
                        .collect(),
                    _ => Vec::new(),
                };
                let name = |shape: &Shape| match shape {
                    Shape::Text => "string",
                    Shape::Number => "number",
                    Shape::Flag => "boolean",
                    Shape::Null => "null",
                    Shape::List(_) => "array",
                    _ => "object",
                };
                let ours: BTreeSet<&str> = shapes.iter().map(name).collect();
                theirs.iter().map(String::as_str).collect::<BTreeSet<_>>() == ours
            }
            Shape::Elsewhere(_) => true,
        };
        if !same {
            let shown: String = node.to_string().chars().take(160).collect();
            let _ = writeln!(self.differing, "{path}: wrangler has {shown}");
        }
    }
}

// The types

/// The members of an interface: whether each is optional, and its TypeScript type.
type Names = BTreeMap<String, (bool, String)>;

/// `cargo bindery types` writes the same members, optionality and types as `wrangler types` for
/// every folder of `manifests/`. A folder with a difference lists it, and its reason, in
/// `differences.txt`.
#[test]
fn types_equal_those_of_wrangler() {
    let Some(package) = wrangler() else { return };
    let node = std::env::var_os("BINDERY_NODE").expect("Node is beside wrangler");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manifests");
    let _absent = fs::remove_dir_all(&scratch);
    let names = source::folders(&root);
    let (mut failed, mut differing) = (String::new(), 0);
    // Two processes at a time: most of the time is the start of Node.
    for pair in names.chunks(2) {
        let started: Vec<_> = pair
            .iter()
            .map(|name| {
                let folder = scratch.join(name);
                copy(&root.join(name), &folder);
                let mut command = Command::new(&node);
                command.arg(package.join("wrangler-dist/cli.js")).args([
                    "types",
                    "--include-runtime=false",
                    "out.d.ts",
                ]);
                if let Some(environment) = environment(&folder) {
                    command.args(["--env", &environment]);
                }
                command.args(["--env-interface", &interface(&folder)]);
                command
                    .current_dir(&folder)
                    .env("WRANGLER_SEND_METRICS", "false")
                    .env("CI", "1")
                    .env_remove("CLOUDFLARE_ENV");
                let child = command
                    .stdout(std::process::Stdio::piped())
                    .stderr(std::process::Stdio::piped())
                    .spawn();
                (name, folder, child.expect("Node starts"))
            })
            .collect();
        for (name, folder, child) in started {
            let output = child.wait_with_output().expect("wrangler ends");
            let Ok(text) = fs::read_to_string(folder.join("out.d.ts")) else {
                let _ = writeln!(
                    failed,
                    "{name}: wrangler reports {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                continue;
            };
            let (text_of_ours, names) = ours(&folder);
            let mut found = differences(&names, &base(&text, &interface(&folder)));
            if rest(&text_of_ours) != rest(&text) {
                let (ours, theirs) = (rest(&text_of_ours), rest(&text));
                let _ = writeln!(failed, "{name}: ours\n{ours}\ntheirs\n{theirs}");
            }
            // One interface per environment.
            let (own, other) = (interfaces(&text_of_ours), interfaces(&text));
            for (interface, members) in &own {
                let theirs = other.get(interface).cloned().unwrap_or_default();
                found.extend(
                    differences(members, &theirs)
                        .lines()
                        .map(|line| format!("{interface}.{line}\n")),
                );
            }
            found.extend(
                other
                    .keys()
                    .filter(|name| !own.contains_key(*name))
                    .map(|name| format!("{name}: theirs only\n")),
            );
            let noted = fs::read_to_string(folder.join("differences.txt")).unwrap_or_default();
            let expected: String = noted
                .lines()
                .filter(|line| !line.starts_with(' '))
                .map(|line| format!("{line}\n"))
                .collect();
            if found != expected {
                let _ = writeln!(failed, "{name}:\n{found}");
            }
            assert!(
                noted.is_empty() || noted.lines().any(|line| line.starts_with(' ')),
                "{name}: a difference without a reason"
            );
            differing += usize::from(!noted.is_empty());
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
    assert!(
        names.len() >= 30,
        "only {} manifests were found",
        names.len()
    );
    eprintln!(
        "{} manifests, {differing} of them with a difference that has a reason",
        names.len()
    );
}

fn environment(folder: &Path) -> Option<String> {
    fs::read_to_string(folder.join("environment.txt"))
        .ok()
        .map(|name| name.trim().to_owned())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("reads").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copies");
        }
    }
}

fn ours(folder: &Path) -> (String, Names) {
    let (mut errors, mut sources) = (Errors::default(), Sources::default());
    let manifest = source::discover(folder).expect("a manifest");
    let project = compile(
        &mut errors,
        &mut sources,
        &manifest,
        environment(folder).as_deref(),
    )
    .expect("the manifest is valid");
    assert!(
        errors.is_empty(),
        "{}: {:?}",
        folder.display(),
        errors.render(&sources)
    );
    let mut refused = Errors::default();
    typescript::check(&mut refused, &project);
    assert!(refused.is_empty(), "{:?}", refused.render(&sources));
    let text = typescript::environment(&project, &interface(folder));
    let members = base(&text, &interface(folder));
    // The Rust environment has the same members as the TypeScript interface.
    let bindings = project
        .bindings
        .iter()
        .map(|bound| (bound.name.source.clone(), bound.optional));
    let vars = project
        .vars
        .iter()
        .map(|(name, var)| (name.source.clone(), var.optional));
    let secrets = project
        .secrets
        .iter()
        .map(|(name, optional)| (name.source.clone(), *optional));
    let own: BTreeMap<String, bool> = bindings.chain(vars).chain(secrets).collect();
    assert_eq!(
        own,
        members
            .iter()
            .map(|(name, (optional, _))| (name.clone(), *optional))
            .collect()
    );
    (text, members)
}

/// The interfaces of the namespace `Cloudflare` by name.
fn interfaces(text: &str) -> BTreeMap<String, Names> {
    let namespace = text.split_once("declare namespace Cloudflare {\n");
    let namespace = namespace.and_then(|(_, rest)| Some(rest.split_once("\n}")?.0));
    let named = namespace
        .unwrap_or_default()
        .split("\tinterface ")
        .skip(1)
        .filter_map(|rest| rest.split_once(" {"));
    let body = |rest: &str| -> String {
        let lines = rest
            .lines()
            .take_while(|line| line.trim() != "}")
            .map(|line| format!("\t{}\n", line.trim()));
        lines.collect()
    };
    // The classes of a JavaScript worker.
    named
        .filter(|(name, _)| *name != "GlobalProps")
        .map(|(name, rest)| (name.to_owned(), members(&body(rest))))
        .collect()
}

/// The text after the namespace `Cloudflare`, without the modules that a bundle can import: the
/// interface itself, and that of `process.env` with its names sorted.
fn rest(text: &str) -> String {
    let namespace = text.split_once("declare namespace Cloudflare {\n");
    let rest = namespace.and_then(|(_, rest)| Some(rest.split_once("\n}\n")?.1));
    let rest = rest.unwrap_or_default();
    let rest = rest.split("declare module").next().unwrap_or_default();
    let lines = rest.trim().lines().map(|line| {
        let Some((before, names)) = line.split_once("Cloudflare.Env, ") else {
            return line.to_owned();
        };
        let mut names: Vec<&str> = names.trim_end_matches(">> {}").split(" | ").collect();
        names.sort_unstable();
        format!("{before}Cloudflare.Env, {}>> {{}}", names.join(" | "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The members of the interface over all environments.
fn base(text: &str, interface: &str) -> Names {
    let body = text
        .split_once(&format!("interface __BaseEnv_{interface} {{\n"))
        .map_or("", |(_, rest)| rest.split("\n}").next().unwrap_or_default());
    members(body)
}

/// The name of the interface, which a file of a case can choose.
fn interface(folder: &Path) -> String {
    let chosen = fs::read_to_string(folder.join("interface.txt"));
    chosen.map_or_else(|_| "Env".to_owned(), |name| name.trim().to_owned())
}

/// Parses members: `NAME: ...;` or `NAME?: ...;`, indented by one tab.
fn members(body: &str) -> Names {
    let members = body
        .lines()
        .filter_map(|line| line.strip_prefix('\t'))
        .filter(|line| !line.starts_with(['\t', '}', '|', ')']));
    let member = |(name, ty): (&str, &str)| {
        // The order of a union depends on the environments, so it is sorted.
        let mut union: Vec<&str> = ty.trim().trim_end_matches(';').split(" | ").collect();
        union.sort_unstable();
        // Only the start of a type over several lines is compared.
        let ty = if ty.trim_start().starts_with('{') && !ty.contains(":") {
            "{ ... }".to_owned()
        } else {
            union.join(" | ")
        };
        (
            name.trim_end_matches('?').trim_matches('"').to_owned(),
            (name.ends_with('?'), ty),
        )
    };
    members
        .filter_map(|line| line.split_once(": "))
        .map(member)
        .collect()
}

fn differences(ours: &Names, theirs: &Names) -> String {
    let mut out = String::new();
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for name in names {
        let difference = match (ours.get(name), theirs.get(name)) {
            (Some(ours), Some(theirs)) if ours == theirs => continue,
            (Some((ours, left)), Some((theirs, right))) if ours == theirs => {
                &format!("{left} in ours, {right} in theirs")
            }
            (Some((true, _)), Some(_)) => "optional in ours only",
            (Some(_), Some(_)) => "optional in theirs only",
            (Some(_), None) => "ours only",
            _ => "theirs only",
        };
        let _ = writeln!(out, "{name}: {difference}");
    }
    out
}
