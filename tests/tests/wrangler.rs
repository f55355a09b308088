//! Wrangler as the judge of the manifest: its published schema, and the types that it generates.
//!
//! Both come with the `wrangler` package, which `tests/run` installs. Without it they are skipped, aloud; with
//! `BINDERY_REQUIRE_ALL` set, skipping is a failure.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells its figures"
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

/// The folder of the `wrangler` package.
fn wrangler() -> Option<PathBuf> {
    let found = std::env::var_os("BINDERY_NODE_MODULES")
        .map(|folder| PathBuf::from(folder).join("wrangler"));
    let found = found.filter(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: the comparison with wrangler (it needs the package: run `tests/run`)");
        assert!(
            std::env::var_os("BINDERY_REQUIRE_ALL").is_none(),
            "the wrangler package is not there"
        );
    }
    found
}

// The schema

/// A key of wrangler's schema that the grammar has otherwise, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("env", "its tables are checked as manifests of their own"),
    (
        "ratelimits[].simple.period",
        "10 and 60 are numbers: a limit, told with its page",
    ),
    (
        "unsafe.bindings[]",
        "whatever a binding of a kind that is not released takes",
    ),
    ("vpc_networks", "a list of two tables, which are one here"),
];

/// Walks wrangler's schema beside the grammar: each key that wrangler knows is modelled, or left to wrangler for a
/// reason that the grammar gives.
#[test]
fn the_grammar_is_that_of_the_published_schema() {
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
        otherwise: BTreeSet::new(),
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
                "{name}: whether it counts in an environment"
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
    // What holds a `binding` binds something: each such key is a kind.
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
                "{name}: it binds something, and no kind of binding is made of it"
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
            "{key} is no key of wrangler's schema"
        );
    }
    assert!(walk.differing.is_empty(), "\n{}", walk.differing);
    let needless = OTHERWISE
        .iter()
        .find(|(path, _)| !walk.otherwise.contains(*path));
    assert!(needless.is_none(), "no exception is needed: {needless:?}");
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
    otherwise: BTreeSet<String>,
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
        if OTHERWISE.iter().any(|(known, _)| *known == path) {
            self.otherwise.insert(path.to_owned());
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
            Shape::Text => ty == "string" && node.get("enum").is_none(),
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

/// Whether each name may be absent, and its TypeScript type.
type Names = BTreeMap<String, (bool, String)>;

/// `wrangler types` over every folder of `manifests/`: the names in `Env`, and which of them are optional, are the
/// same, and so are the types in `cargo bindery types`. A folder that differs has a `differences.txt` with the reason, and differs in just that.
#[test]
fn the_environment_is_that_of_wrangler_types() {
    let Some(package) = wrangler() else { return };
    let node = std::env::var_os("BINDERY_NODE").expect("Node is beside wrangler");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manifests");
    let _absent = fs::remove_dir_all(&scratch);
    let names = source::folders(&root);
    let (mut failed, mut differing) = (String::new(), 0);
    // Two at a time: most of it is Node's start.
    for pair in names.chunks(2) {
        let started: Vec<_> = pair
            .iter()
            .map(|name| {
                let folder = scratch.join(name);
                copy(&root.join(name), &folder);
                // A project's own state: without it wrangler would look above.
                let mut command = Command::new(&node);
                command.arg(package.join("wrangler-dist/cli.js")).args([
                    "types",
                    "--include-runtime=false",
                    "out.d.ts",
                ]);
                if let Some(environment) = environment(&folder) {
                    command.args(["--env", &environment]);
                }
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
                    "{name}: wrangler says {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                continue;
            };
            let (text_of_ours, names) = ours(&folder);
            let mut found = differences(&names, &theirs(&text));
            // One interface an environment.
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
    .expect("is understood");
    assert!(
        errors.is_empty(),
        "{}: {:?}",
        folder.display(),
        errors.render(&sources)
    );
    let text = typescript::environment(&project);
    let members = members(text.split("\n}").next().unwrap_or_default());
    // What TypeScript is told is what Rust is given.
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

/// The interfaces of environments, by name.
fn interfaces(text: &str) -> BTreeMap<String, Names> {
    let named = text
        .split("interface ")
        .skip(1)
        .filter_map(|rest| rest.split_once(" {\n"));
    let environments =
        named.filter(|(name, _)| name.ends_with("Env") && !["Env", "__BaseEnv_Env"].contains(name));
    let body = |rest: &str| -> String {
        // Ours stand at the edge, wrangler's in a namespace.
        let lines = rest
            .lines()
            .take_while(|line| line.trim() != "}")
            .map(|line| format!("\t{}\n", line.trim()));
        lines.collect()
    };
    environments
        .map(|(name, rest)| (name.to_owned(), members(&body(rest))))
        .collect()
}

/// The members of the first interface: `NAME: ...;` or `NAME?: ...;`, one indentation deep.
fn theirs(text: &str) -> Names {
    let body = text
        .split_once("interface __BaseEnv_Env {\n")
        .map_or("", |(_, rest)| rest.split("\n}").next().unwrap_or_default());
    members(body)
}

fn members(body: &str) -> Names {
    let members = body
        .lines()
        .filter_map(|line| line.strip_prefix('\t'))
        .filter(|line| !line.starts_with(['\t', '}', '|', ')']));
    let member = |(name, ty): (&str, &str)| {
        // The union of the environments' values, in whatever order.
        let mut union: Vec<&str> = ty.trim().trim_end_matches(';').split(" | ").collect();
        union.sort_unstable();
        // A type over several lines is told by its beginning.
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
