//! Hostile text for everything that reads text: no panic, no hang, no growth of memory.
//!
//! The fuzzer breaks real texts by random edits, and shrinks an input that fails until every
//! smaller one passes. The same seed yields the same inputs.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bindery_codegen::source::Spanned;
use bindery_codegen::{Errors, Sources, emit, manifest, model, schema, sql};

use crate::generator::{Generator, Relation};
use crate::random::Random;

/// The part of the compiler that reads the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The grammar of statements.
    Parser,
    /// The analysis of a query over a schema, and the rendering of its errors.
    Analysis,
    /// The parser of wrangler manifests, as TOML and as JSON.
    Manifest,
    /// A migration, and the schema that it creates.
    Schema,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 4] = [Self::Parser, Self::Analysis, Self::Manifest, Self::Schema];
}

/// The longest time that one input may take: it has some kilobytes, and the compiler is not
/// optimized.
const TIME_LIMIT: Duration = Duration::from_secs(10);

const SCHEMA: &str = include_str!("../oracle/migrations/0001_tables.sql");
const VIEWS: &str = include_str!("../oracle/migrations/0002_views.sql");

/// Statements that inputs are made from, besides generated ones.
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

/// Manifests that inputs are made from.
const MANIFESTS: [&str; 5] = [
    include_str!("../cases/manifest/every_kind/wrangler.toml"),
    include_str!("../cases/manifest/environments/wrangler.jsonc"),
    "name = \"files\"\ncompatibility_date = \"2026-04-01\"\n[vars]\nA = 1\nB = { c = [1, 2.5, true] }\n[[d1_databases]]\nbinding = \"DB\"\n\
     database_name = 'x'\nmigrations_dir = \"nowhere\"\n[[kv_namespaces]]\nbinding = \"KV\"\nid = \"1\"\n[queues]\nconsumers = [{ queue = \"q\", max_batch_size = 5 }]\n",
    "{ // comment\n \"name\": \"x\", \"r2_buckets\": [{ \"binding\": \"R\\u0041\", \"bucket_name\": \"b\" }], \"ai\": { \"binding\": \"AI\" },\n \"vars\": { \"a\": null, \"b\": [1e400, -0] }, }",
    "[[queues.producers]]\nbinding = \"Q\"\nqueue = \"q\"\n[triggers]\ncrons = [\"* * * * *\"]\n[secrets]\nrequired = [\"TOKEN\"]\n",
];

/// Texts that an edit inserts.
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

/// Makes inputs and passes them to a target.
pub struct Fuzzer {
    target: Target,
    random: Random,
    relations: Vec<Relation>,
    catalog: Option<schema::Catalog>,
    inputs: u64,
}

impl fmt::Debug for Fuzzer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fuzzer({:?})", self.target)
    }
}

impl Fuzzer {
    /// Creates a fuzzer of a target.
    #[must_use]
    pub fn new(target: Target, seed: u64) -> Self {
        let catalog = build_schema(&[SCHEMA, VIEWS]);
        let relations = catalog.as_ref().map(relations).unwrap_or_default();
        Self {
            target,
            random: Random(seed),
            relations,
            catalog,
            inputs: 0,
        }
    }

    /// Passes the next input to the target. The error is the smallest text that still fails, and
    /// the failure of the input.
    ///
    /// # Errors
    /// When the compiler panics or takes too long.
    pub fn try_next(&mut self) -> Result<(), (String, String)> {
        let mut text = self.original();
        for _ in 0..self.random.below(12) {
            self.edit(&mut text);
        }

        self.inputs += 1;
        match self.failure(&text) {
            Some(failure) => Err((self.shrink(text), failure)),
            None => Ok(()),
        }
    }

    /// Returns the number of inputs so far.
    #[must_use]
    pub fn inputs(&self) -> u64 {
        self.inputs
    }

    /// Returns a valid text to edit.
    fn original(&mut self) -> String {
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

    /// Edits a text: inserts a piece, removes, doubles, copies or replaces a part.
    fn edit(&mut self, text: &mut String) {
        let first = self.position(text);
        let second = self.position(text);
        let (start, end) = (first.min(second), first.max(second));
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
                let position = self.position(text);
                text.insert_str(position, &part);
            }
            _ if self.random.one_in(20) => {
                let pieces = self.random.pick(&PIECES).repeat(2000);
                text.insert_str(start, &pieces);
            }
            _ => {
                let piece = self.random.pick(&PIECES);
                text.replace_range(start..end, piece);
            }
        }
    }

    /// Returns a random position between two characters.
    fn position(&mut self, text: &str) -> usize {
        let position = self.random.below(text.len() + 1);
        (position..=text.len())
            .find(|position| text.is_char_boundary(*position))
            .unwrap_or(0)
    }

    /// Removes parts of a text for as long as it still fails.
    fn shrink(&self, mut text: String) -> String {
        let mut size = text.len() / 2;
        while size > 0 {
            let mut start = 0;
            while start < text.len() {
                match self.without(&text, start, size) {
                    Some(smaller) => text = smaller,
                    None => start += size,
                }
            }
            size /= 2;
        }
        text
    }

    /// Returns a text without one of its parts, if that still fails.
    fn without(&self, text: &str, start: usize, size: usize) -> Option<String> {
        let end = (start + size).min(text.len());
        let (before, after) = (text.get(..start)?, text.get(end..)?);
        let smaller = format!("{before}{after}");
        self.failure(&smaller).map(|_| smaller)
    }

    /// Describes how the target fails to read a text, if it does.
    fn failure(&self, text: &str) -> Option<String> {
        let start = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.read(text))) {
            let message = match panic.downcast_ref::<String>() {
                Some(message) => message.clone(),
                None => panic
                    .downcast_ref::<&str>()
                    .map_or_else(String::new, |message| (*message).to_owned()),
            };
            return Some(format!("panics: {message}"));
        }
        let elapsed = start.elapsed();
        (elapsed > TIME_LIMIT).then(|| format!("takes {elapsed:?}"))
    }

    /// Passes a text to the target.
    fn read(&self, text: &str) {
        match self.target {
            Target::Parser => {
                let _accepted = sql::parses(text);
            }
            Target::Analysis => {
                if let Some(catalog) = &self.catalog {
                    analyze_query(catalog, text);
                }
            }
            Target::Manifest => {
                for name in ["wrangler.toml", "wrangler.jsonc"] {
                    compile_manifest(name, text);
                }
            }
            Target::Schema => {
                let _catalog = build_schema(&[text]);
            }
        }
    }
}

/// The tables and views that generated statements use.
fn relations(catalog: &schema::Catalog) -> Vec<Relation> {
    let mut relations = Vec::new();
    for table in catalog.tables.iter() {
        if table.name.starts_with("sqlite_") {
            continue;
        }
        let columns = table.columns.iter().map(|column| column.name.clone());
        let columns: Vec<String> = columns.collect();
        relations.push(Relation {
            name: table.name.clone(),
            writable: if table.indexes.is_empty() {
                Vec::new()
            } else {
                columns.clone()
            },
            columns,
        });
    }
    relations
}

fn analyze_query(catalog: &schema::Catalog, text: &str) {
    let mut sources = Sources::default();
    let mut errors = Errors::default();
    let file = sources.add("hostile.sql".to_owned(), PathBuf::new(), text.to_owned());

    let query = sql::analyze(&mut errors, catalog, text, sources.whole(file));
    if query.is_none() {
        let _outline = sql::outline(catalog, text, sources.whole(file), false);
    }
    let _annotated = sql::annotation::read(&mut errors, &sources, file);
    let _rendered = errors.render(&sources);
}

fn compile_manifest(name: &str, text: &str) {
    let mut sources = Sources::default();
    let mut errors = Errors::default();
    let file = sources.add(name.to_owned(), PathBuf::new(), text.to_owned());

    if let Some(manifest) = manifest::parse(&mut errors, &sources, file, None) {
        let project = model::lower(&mut errors, manifest, BTreeMap::new());
        if errors.is_empty() {
            check_emitted_code(&project);
        }
    }
    let _rendered = errors.render(&sources);
}

/// Panics unless the code that is emitted for a valid manifest is Rust.
#[expect(
    clippy::expect_used,
    reason = "the fuzzer catches the panic and shrinks the input"
)]
fn check_emitted_code(project: &model::Project) {
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
    let tokens = emit::environment(project, &target);
    let _file: syn::File = syn::parse2(tokens).expect("the emitted code is Rust");
    let _types = emit::typescript::environment(project, "Env");
}

/// Returns the schema that some migrations create.
fn build_schema(migrations: &[&str]) -> Option<schema::Catalog> {
    let mut sources = Sources::default();
    let mut errors = Errors::default();
    let mut inputs = schema::Inputs::default();
    for (index, text) in migrations.iter().enumerate() {
        let name = format!("{index}.sql");
        let file = sources.add(name.clone(), PathBuf::new(), (*text).to_owned());
        inputs.migrations.push(Spanned {
            value: name,
            span: sources.whole(file),
        });
    }

    let catalog = schema::build(&mut errors, &sources, "d1_migrations", &inputs);
    let _rendered = errors.render(&sources);
    catalog
}
