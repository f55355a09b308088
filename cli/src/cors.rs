//! `cargo bindery cors`: the CORS rules of a bucket for presigned URLs.

use std::process::ExitCode;

use bindery_codegen::manifest::BindingKind;
use bindery_codegen::model::Project;
use clap::Args;
use serde_json::json;

use crate::output::{eprint, print, print_errors};
use crate::project::ProjectArguments;

/// The headers that a presigned request of `bindery::r2::Signer` can have, and those of downloads.
const HEADERS: [&str; 14] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "range",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-storage-class",
];

/// The headers of a response that a page may read: the etag of a part is needed to complete an
/// upload.
const EXPOSED: [&str; 4] = ["content-length", "content-range", "etag", "last-modified"];

/// Print the CORS rules with which pages may use presigned URLs of an R2 bucket
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The binding of the bucket [default: the only R2 binding]
    #[arg(value_name = "BINDING")]
    binding: Option<String>,

    /// The origin of a page: its scheme and host, without a path. Can be repeated
    #[arg(long, value_name = "https://HOST", required = true)]
    origin: Vec<String>,

    /// A name in the metadata that is signed for uploads. Can be repeated
    #[arg(long, value_name = "NAME")]
    metadata: Vec<String>,

    #[command(flatten)]
    project: ProjectArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    for origin in &arguments.origin {
        check_origin(origin)?;
    }
    let compilation = arguments.project.compile()?;
    let project = compilation.project.as_ref();
    let Some(project) = project.filter(|_| compilation.errors.is_empty()) else {
        print_errors(&compilation.errors.render(&compilation.sources));
        return Ok(ExitCode::FAILURE);
    };
    let buckets = buckets(project, arguments.binding.as_deref())?;

    let metadata = arguments.metadata.iter();
    let metadata = metadata.map(|name| format!("x-amz-meta-{}", name.to_lowercase()));
    let headers = HEADERS.iter().map(|name| (*name).to_owned());
    let rules = json!({
        "rules": [{
            "allowed": {
                "origins": arguments.origin,
                "methods": ["GET", "HEAD", "PUT", "DELETE"],
                "headers": headers.chain(metadata).collect::<Vec<_>>(),
            },
            "exposeHeaders": EXPOSED,
            "maxAgeSeconds": 3600,
        }],
    });
    let text = serde_json::to_string_pretty(&rules);
    print(&text.map_err(|error| format!("the rules cannot be printed: {error}"))?)?;

    eprint("note: write this to a file, and apply it with");
    for bucket in buckets {
        eprint(&format!(
            "  npx wrangler r2 bucket cors set {bucket} --file cors.json"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// An origin is a scheme and a host. A path would never match.
fn check_origin(origin: &str) -> Result<(), String> {
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
    if origin == "*" || host.is_some_and(is_host) {
        return Ok(());
    }
    Err(format!(
        "`{origin}` is not an origin\nhelp: it has a scheme and a host, without a path, such as \
         https://app.example.com"
    ))
}

/// The names of the bucket in each environment.
fn buckets(project: &Project, binding: Option<&str>) -> Result<Vec<String>, String> {
    let bound = project.bindings.iter();
    let mut known: Vec<&str> = bound
        .filter(|bound| bound.resource.kind == BindingKind::R2Bucket)
        .map(|bound| bound.name.source.as_str())
        .collect();
    if let Some(binding) = binding {
        if !known.contains(&binding) {
            let known = known.join("`, `");
            return Err(format!(
                "`{binding}` is not an R2 binding\nhelp: the R2 bindings are: `{known}`"
            ));
        }
        known = vec![binding];
    }
    let [binding] = *known else {
        return Err(match &*known {
            [] => "the manifest has no R2 binding".to_owned(),
            several => format!(
                "there are several R2 bindings: `{}`\nhelp: name one, as in `cargo bindery cors {} \
                 --origin ...`",
                several.join("`, `"),
                several.first().unwrap_or(&"")
            ),
        });
    };

    let environments = project.manifest.environments.iter();
    let bindings = environments.flat_map(|environment| &environment.bindings);
    let of_binding = bindings.filter(|found| found.name.value == binding);
    let names = of_binding.filter_map(|found| found.resource.setting("bucket_name"));
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.dedup();
    if names.is_empty() {
        // Wrangler creates the bucket on deployment, and chooses its name.
        names.push("BUCKET".to_owned());
    }
    Ok(names)
}
