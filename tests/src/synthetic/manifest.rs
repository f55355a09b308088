//! The manifest of the project.

/// The text of `wrangler.toml`.
pub(super) const MANIFEST: &str = "name = \"synthetic\"
main = \"build/index.js\"
compatibility_date = \"2026-04-01\"

[vars]
ENVIRONMENT = \"production\"

[[d1_databases]]
binding = \"DB\"
database_name = \"synthetic\"
database_id = \"00000000-0000-0000-0000-000000000000\"

[[kv_namespaces]]
binding = \"CACHE\"
id = \"00000000000000000000000000000000\"

[[r2_buckets]]
binding = \"STORAGE\"
bucket_name = \"synthetic\"
";
