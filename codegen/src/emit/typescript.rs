//! `Env` in TypeScript, for a project of two languages: in content what `wrangler types` gives.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::manifest::{Kind, Other};
use crate::model::Project;
use crate::names::Name;

/// `interface Env { ... }` over all environments, and one for each.
#[must_use]
pub fn environment(project: &Project) -> String {
    let mut out =
        "// Made by `cargo bindery types` from the manifest; an edit here would be lost.\n\ninterface Env {\n".to_owned();
    for bound in &project.bindings {
        // Of another worker or class in each environment: a type of either.
        let all = project
            .manifest
            .layers
            .iter()
            .flat_map(|layer| &layer.bindings);
        let types: BTreeSet<String> = all
            .filter(|other| other.name.value == bound.name.source)
            .map(|other| kind(&other.kind))
            .collect();
        member(
            &mut out,
            &bound.name.source,
            bound.optional,
            &types.into_iter().collect::<Vec<_>>().join(" | "),
        );
    }
    // A secret of the same name stands in the variable's place, locally.
    for (name, var) in &project.vars {
        let values: BTreeSet<&str> = project
            .manifest
            .layers
            .iter()
            .flat_map(|layer| &layer.vars)
            .filter(|other| other.name.value == name.source)
            .map(|other| other.json.as_str())
            .collect();
        member(
            &mut out,
            &name.source,
            var.optional,
            &values.into_iter().collect::<Vec<_>>().join(" | "),
        );
    }
    for (name, optional) in &project.secrets {
        member(&mut out, &name.source, *optional, "string");
    }
    out.push_str("}\n");
    for layer in project
        .manifest
        .layers
        .iter()
        .filter(|_| project.manifest.layers.len() > 1)
    {
        let Some(environment) = &layer.environment else {
            continue;
        };
        let _ = writeln!(
            out,
            "\n/** What `{}` has. */\ninterface {}Env {{",
            environment.value,
            Name::new(&environment.value).ty
        );
        for binding in &layer.bindings {
            member(&mut out, &binding.name.value, false, &kind(&binding.kind));
        }
        let is_secret = |name: &str| {
            layer
                .secrets
                .iter()
                .flatten()
                .any(|secret| secret.value == name)
        };
        for var in layer.vars.iter().filter(|var| !is_secret(&var.name.value)) {
            member(&mut out, &var.name.value, false, &var.json);
        }
        for secret in layer.secrets.iter().flatten() {
            member(&mut out, &secret.value, false, "string");
        }
        out.push_str("}\n");
    }
    out
}

fn member(out: &mut String, name: &str, optional: bool, ty: &str) {
    let mark = if optional { "?" } else { "" };
    let _ = writeln!(out, "\t{name}{mark}: {ty};");
}

/// The type that Cloudflare's own declarations give a kind.
fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Kv(_) => "KVNamespace".to_owned(),
        Kind::D1(_) => "D1Database".to_owned(),
        Kind::R2(_) => "R2Bucket".to_owned(),
        Kind::Queue(_) => "Queue".to_owned(),
        Kind::Other(other) => self::other(other),
    }
}

fn other(other: &Other) -> String {
    let setting = |key: &str| other.setting(key).unwrap_or_default();
    let from = other
        .setting("script_name")
        .map(|script| format!(" from {script}"))
        .unwrap_or_default();
    match other.row.key {
        "durable_objects.bindings" => format!(
            "DurableObjectNamespace /* {}{from} */",
            setting("class_name")
        ),
        "workflows" => format!("Workflow /* {}{from} */", setting("class_name")),
        "services" => match other.setting("entrypoint") {
            Some(entrypoint) => format!(
                "Service /* entrypoint {entrypoint} from {} */",
                setting("service")
            ),
            None => format!("Fetcher /* {} */", setting("service")),
        },
        "unsafe.bindings" => match setting("type") {
            "ratelimit" => "RateLimit".to_owned(),
            "service" => "Fetcher".to_owned(),
            _ => "any".to_owned(),
        },
        key => TYPES
            .iter()
            .find(|(known, _)| *known == key)
            .map_or("unknown", |(_, ty)| ty)
            .to_owned(),
    }
}

/// The kinds whose type hangs on nothing else.
const TYPES: &[(&str, &str)] = &[
    ("hyperdrive", "Hyperdrive"),
    ("vectorize", "VectorizeIndex"),
    ("ai", "Ai"),
    ("ai_search_namespaces", "AiSearchNamespace"),
    ("ai_search", "AiSearchInstance"),
    ("agent_memory", "AgentMemoryNamespace"),
    ("browser", "BrowserRun"),
    ("images", "ImagesBinding"),
    ("media", "MediaBinding"),
    ("stream", "StreamBinding"),
    ("analytics", "AnalyticsSQLBinding"),
    ("analytics_engine_datasets", "AnalyticsEngineDataset"),
    ("send_email", "SendEmail"),
    ("ratelimits", "RateLimit"),
    ("secrets_store_secrets", "SecretsStoreSecret"),
    ("version_metadata", "WorkerVersionMetadata"),
    ("assets", "Fetcher"),
    ("dispatch_namespaces", "DispatchNamespace"),
    ("mtls_certificates", "Fetcher"),
    (
        "pipelines",
        "import(\"cloudflare:pipelines\").Pipeline<import(\"cloudflare:pipelines\").PipelineRecord>",
    ),
    (
        "k2",
        "{\n\t\tsend(records: { content: ArrayBuffer | Uint8Array; headers?: Record<string, string> }[]): Promise<\n\t\t\t\
         { success: true } | { success: false; error: { code: number; message: string; retryable: boolean } }\n\t\t>;\n\t}",
    ),
    ("vpc_services", "Fetcher"),
    ("vpc_networks", "Fetcher"),
    ("worker_loaders", "WorkerLoader"),
    ("artifacts", "Artifacts"),
    ("flagship", "Flagship"),
    ("unsafe_hello_world", "HelloWorldBinding"),
    ("logfwdr.bindings", "any"),
    ("wasm_modules", "WebAssembly.Module"),
    ("text_blobs", "string"),
    ("data_blobs", "ArrayBuffer"),
];
