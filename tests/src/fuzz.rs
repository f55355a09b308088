//! Hostile text for everything that reads text: no panic, no hang, no growth of memory.
//!
//! Inputs are made from real ones by edits that break them; a failing one is made smaller until nothing more can
//! be taken away. The same seed makes the same inputs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bindery_codegen::source::Spanned;
use bindery_codegen::{Errors, Sources, emit, manifest, model, schema, sql};

use crate::generator::{Generator, Relation};
use crate::random::Random;

/// What reads the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The grammar of statements.
    Parser,
    /// A query over a schema, with everything that is inferred of it, and how its mistakes are shown.
    Analysis,
    /// A wrangler manifest, as TOML and as JSON.
    Manifest,
    /// A migration, and what is read back of the schema that it makes.
    Schema,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 4] = [Self::Parser, Self::Analysis, Self::Manifest, Self::Schema];
}

/// No input may take longer. An input has some kilobytes, and the compiler is not optimised.
const LONGEST: Duration = Duration::from_secs(10);

const SCHEMA: &str = include_str!("../oracle/migrations/0001_tables.sql");
const VIEWS: &str = include_str!("../oracle/migrations/0002_views.sql");

const QUERIES: [&str; 8] = [
    "SELECT l.id, k.s AS \"n!\" FROM loose l LEFT JOIN kept k USING (id) WHERE l.n = :n AND k.s IS NOT NULL ORDER BY 1 LIMIT :limit",
    "WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c WHERE i < 10) SELECT * FROM c, json_each(:list) j",
    "INSERT INTO keyed (k, v, s) VALUES (?1, ?2, 'x''y') ON CONFLICT (k, v) DO UPDATE SET s = excluded.s RETURNING *",
    "UPDATE loose SET (n, m) = (SELECT 1, 2), s = CASE :sort WHEN 'a' THEN x'00' ELSE \"t\" END WHERE id IN (:ids) RETURNING n",
    "SELECT sum(m) FILTER (WHERE n > 1) OVER (PARTITION BY s ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM loose",
    "DELETE FROM kept WHERE EXISTS (SELECT 1 FROM loose WHERE loose.id = kept.loose_id) AND r NOT BETWEEN 1 AND 2e3 -- end",
    "SELECT [a b].\"c\" ->> '$.x', NOT -~+1, CAST(u AS DECIMAL(10, 2)) COLLATE NOCASE FROM loose AS [a b] NATURAL JOIN (kept) WHERE j GLOB '*'",
    "PRAGMA table_info('loose')",
];

const MANIFESTS: [&str; 5] = [
    include_str!("../cases/manifest/every_kind/wrangler.toml"),
    include_str!("../cases/manifest/environments/wrangler.jsonc"),
    "name = \"files\"\ncompatibility_date = \"2026-04-01\"\n[vars]\nA = 1\nB = { c = [1, 2.5, true] }\n[[d1_databases]]\nbinding = \"DB\"\n\
     database_name = 'x'\nmigrations_dir = \"nowhere\"\n[[kv_namespaces]]\nbinding = \"KV\"\nid = \"1\"\n[queues]\nconsumers = [{ queue = \"q\", max_batch_size = 5 }]\n",
    "{ // comment\n \"name\": \"x\", \"r2_buckets\": [{ \"binding\": \"R\\u0041\", \"bucket_name\": \"b\" }], \"ai\": { \"binding\": \"AI\" },\n \"vars\": { \"a\": null, \"b\": [1e400, -0] }, }",
    "[[queues.producers]]\nbinding = \"Q\"\nqueue = \"q\"\n[triggers]\ncrons = [\"* * * * *\"]\n[secrets]\nrequired = [\"TOKEN\"]\n",
];

const PIECES: [&str; 64] = [
    "(",
    ")",
    ",",
    ";",
    "'",
    "\"",
    "`",
    "[",
    "]",
    "--",
    "/*",
    "*/",
    "\u{0}",
    "\u{1F600}",
    "\u{FEFF}",
    "?",
    "?999999999999999999999",
    ":a",
    "$a::b(c)",
    "@",
    "SELECT ",
    " FROM ",
    " WHERE ",
    " JOIN ",
    " NATURAL FULL JOIN ",
    " UNION ",
    "WITH RECURSIVE ",
    " AS ",
    " ON ",
    " USING (",
    " GROUP BY ",
    " HAVING ",
    " OVER (",
    " FILTER (WHERE ",
    "CASE ",
    " WHEN ",
    " THEN ",
    " END",
    "CAST(",
    " COLLATE ",
    " IN (",
    " NOT ",
    " IS ",
    " NULL",
    " BETWEEN ",
    " LIKE ",
    "EXISTS (",
    "VALUES (",
    " RETURNING *",
    " ON CONFLICT DO ",
    "9223372036854775808",
    "1e999",
    "0x",
    "x'0",
    "-",
    "->",
    "->>",
    "||",
    "{",
    "}",
    "=",
    "\n",
    "\\",
    "\t",
];

/// What makes inputs and reads them.
pub struct Fuzzer {
    target: Target,
    random: Random,
    relations: Vec<Relation>,
    catalog: Option<schema::Catalog>,
    read: u64,
}

impl std::fmt::Debug for Fuzzer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Fuzzer({:?})", self.target)
    }
}

impl Fuzzer {
    /// Reads inputs of a seed by a target.
    #[must_use]
    pub fn new(target: Target, seed: u64) -> Self {
        let catalog = build(&[SCHEMA, VIEWS]);
        let tables = catalog
            .iter()
            .flat_map(|catalog| catalog.tables.iter())
            .filter(|table| !table.name.starts_with("sqlite_"));
        let relations = tables
            .map(|table| Relation {
                name: table.name.clone(),
                columns: table
                    .columns
                    .iter()
                    .map(|column| column.name.clone())
                    .collect(),
                written: if table.indexes.is_empty() {
                    Vec::new()
                } else {
                    table
                        .columns
                        .iter()
                        .map(|column| column.name.clone())
                        .collect()
                },
            })
            .collect();
        Self {
            target,
            random: Random(seed),
            relations,
            catalog,
            read: 0,
        }
    }

    /// Makes an input and reads it; gives the smallest text that fails as it does, and how.
    ///
    /// # Errors
    /// The input panics the compiler, or keeps it for too long.
    pub fn try_one(&mut self) -> Result<(), (String, String)> {
        let mut text = self.seed();
        for _ in 0..self.random.below(12) {
            self.edit(&mut text);
        }
        self.read += 1;
        let Some(failure) = self.failure(&text) else {
            return Ok(());
        };
        let text = self.shrink(text);
        Err((text, failure))
    }

    /// How many inputs were read.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read
    }

    fn seed(&mut self) -> String {
        match self.target {
            Target::Manifest => self.random.pick(&MANIFESTS).to_owned(),
            Target::Schema => self.random.pick(&[SCHEMA, VIEWS]).to_owned(),
            Target::Parser | Target::Analysis if self.random.one_in(2) => {
                self.random.pick(&QUERIES).to_owned()
            }
            Target::Parser | Target::Analysis => {
                Generator::new(self.random.next(), &self.relations).statement()
            }
        }
    }

    /// One edit: a piece in, a part out, doubled, moved or repeated many times.
    fn edit(&mut self, text: &mut String) {
        let place = |random: &mut Random, text: &str| {
            let place = random.below(text.len() + 1);
            (place..=text.len())
                .find(|place| text.is_char_boundary(*place))
                .unwrap_or(0)
        };
        let (one, other) = (place(&mut self.random, text), place(&mut self.random, text));
        let (start, end) = (one.min(other), one.max(other));
        let end = (start..=end.min(start + 40))
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(start);
        match self.random.below(6) {
            0 | 1 => text.insert_str(start, self.random.pick(&PIECES)),
            2 => text.replace_range(start..end, ""),
            3 => {
                let part = text[start..end].to_owned();
                text.insert_str(end, &part);
            }
            4 => {
                let part = text[start..end].to_owned();
                let to = place(&mut self.random, text);
                text.insert_str(to, &part);
            }
            _ if self.random.one_in(20) => {
                text.insert_str(start, &self.random.pick(&PIECES).repeat(2000))
            }
            _ => {
                let piece = self.random.pick(&PIECES);
                text.replace_range(start..end, piece);
            }
        }
    }

    /// Takes parts away for as long as it still fails.
    fn shrink(&self, mut text: String) -> String {
        let mut size = text.len() / 2;
        while size > 0 {
            let mut start = 0;
            while start < text.len() {
                let end = (start + size).min(text.len());
                if text.is_char_boundary(start) && text.is_char_boundary(end) {
                    let smaller = format!("{}{}", &text[..start], &text[end..]);
                    if self.failure(&smaller).is_some() {
                        text = smaller;
                        continue;
                    }
                }
                start += size;
            }
            size /= 2;
        }
        text
    }

    /// How reading a text fails, if it does.
    fn failure(&self, text: &str) -> Option<String> {
        let start = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.read_once(text))) {
            let words = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            return Some(format!("panics: {}", words.unwrap_or_default()));
        }
        let taken = start.elapsed();
        (taken > LONGEST).then(|| format!("takes {taken:?}"))
    }

    fn read_once(&self, text: &str) {
        match self.target {
            Target::Parser => {
                let _accepted = sql::parses(text);
            }
            Target::Analysis => {
                let Some(catalog) = &self.catalog else { return };
                let mut sources = Sources::default();
                let file = sources.add("hostile.sql".to_owned(), PathBuf::new(), text.to_owned());
                let mut errors = Errors::default();
                let query = sql::analyze(&mut errors, catalog, text, sources.whole(file));
                if query.is_none() {
                    let _outline = sql::outline(catalog, text, sources.whole(file));
                }
                let annotated = sql::annotation::read(&mut errors, &sources, file);
                let _shown = (errors.render(&sources), annotated);
            }
            Target::Manifest => {
                for name in ["wrangler.toml", "wrangler.jsonc"] {
                    let mut sources = Sources::default();
                    let file = sources.add(name.to_owned(), PathBuf::new(), text.to_owned());
                    let mut errors = Errors::default();
                    if let Some(manifest) = manifest::parse(&mut errors, &sources, file, None) {
                        let project =
                            model::lower(&mut errors, manifest, std::collections::BTreeMap::new());
                        if errors.is_empty() {
                            emitted(&project);
                        }
                    }
                    let _shown = errors.render(&sources);
                }
            }
            Target::Schema => {
                let _catalog = build(&[text]);
            }
        }
    }
}

/// What is emitted of a manifest without errors is Rust.
#[expect(
    clippy::expect_used,
    reason = "the runner catches it and shrinks the input"
)]
fn emitted(project: &model::Project) {
    let target = emit::Target {
        krate: quote::quote!(::bindery),
        parse: emit::parse_text,
        visibility: quote::quote!(pub),
        ident: quote::format_ident!("Env"),
        attributes: quote::quote!(),
        module: quote::format_ident!("bindings"),
        base: String::new(),
        tracked: Vec::new(),
        manifest_name: "wrangler.toml".to_owned(),
        environment: None,
    };
    let _file: syn::File =
        syn::parse2(emit::environment(project, &target)).expect("what is emitted is Rust");
    let _types = emit::typescript::environment(project);
}

/// The schema of some migrations.
fn build(texts: &[&str]) -> Option<schema::Catalog> {
    let mut sources = Sources::default();
    let mut errors = Errors::default();
    let mut inputs = schema::Inputs::default();
    for (index, text) in texts.iter().enumerate() {
        let name = format!("{index}.sql");
        let file = sources.add(name.clone(), PathBuf::new(), (*text).to_owned());
        inputs.migrations.push(Spanned {
            value: name,
            span: sources.whole(file),
        });
    }
    let catalog = schema::build(&mut errors, &sources, "d1_migrations", &inputs);
    let _shown = errors.render(&sources);
    catalog
}
