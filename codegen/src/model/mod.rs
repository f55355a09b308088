//! The project as it will be emitted: every name resolved, nothing left to refuse.
//!
//! Lowering is the last stage that reports; what it lets through can be emitted without a check.

mod judge;
mod load;
mod lower;
mod secrets;
mod types;

use std::collections::BTreeMap;

use crate::manifest::{Consumer, D1, Kind, Manifest, MergedVar};
use crate::names::Name;
use crate::report::{Diagnostic, Errors, code};
use crate::schema::{self, Catalog, TextEnum};
use crate::source::{FileId, Sources, Span};
use crate::sql::annotation::{self, Annotated};
use crate::sql::parameters::Resolved;
use crate::sql::{self, Cardinality, Outline, Query, ResultColumn, Rows, ScalarType};

use judge::{Judged, Known};
pub use types::Types;

pub use load::{Inputs, Variant, infer_secrets, load_databases, load_manifest};
pub use lower::lower;

/// A project that is understood.
#[derive(Debug)]
pub struct Project {
    /// The manifest.
    pub manifest: Manifest,
    /// The bindings, in the order of the manifest.
    pub bindings: Vec<Bound>,
    /// The variables.
    pub vars: Vec<(Name, MergedVar)>,
    /// The secrets, and whether some environment lacks each.
    pub secrets: Vec<(Name, bool)>,
}

/// A binding with its Rust names.
#[derive(Debug)]
pub struct Bound {
    /// Its name, in each spelling.
    pub name: Name,
    /// What it is bound to.
    pub kind: Kind,
    /// Whether some environment lacks it.
    pub optional: bool,
    /// For a D1 database, what is in it.
    pub database: Option<Database>,
}

/// A database and its queries.
#[derive(Debug)]
pub struct Database {
    /// The schema.
    pub catalog: Catalog,
    /// The schemas of environments whose own migrations make it.
    pub variants: Vec<(D1, Catalog)>,
    /// The file of the schema before the first migration, from the manifest's folder.
    pub baseline: Option<String>,
    /// Whether every migration was applied: only then a query can be judged.
    pub whole: bool,
    /// Rust types that the project gives to columns.
    pub types: Types,
    /// The annotated queries, by file and place.
    pub methods: Vec<Method>,
    /// Queries that are refused: something stands in for each, so that one mistake is one error.
    pub refused: Vec<Refused>,
    /// Who made each type of the database's module, by its name.
    made: BTreeMap<String, Maker>,
}

/// What a type of a database's module is made from.
#[derive(Debug, Clone, Copy)]
enum Maker {
    /// The rows of the method of this number.
    Rows(usize),
    /// A list of texts.
    TextEnum,
}

/// A query that is refused.
#[derive(Debug)]
pub struct Refused {
    /// The method.
    pub name: Name,
    /// The row type.
    pub row: Name,
    /// How many rows it would give.
    pub cardinality: Cardinality,
    /// How many parameters its text has.
    pub count: usize,
    /// What is understood of it.
    pub outline: Outline,
}

/// A query as a method.
#[derive(Debug)]
pub struct Method {
    /// The method.
    pub name: Name,
    /// The row type: the method's own, or one that queries of the same shape share.
    pub row: Name,
    /// Whether the row type is made from this query.
    pub owns_row: bool,
    /// How many rows.
    pub cardinality: Cardinality,
    /// The comment lines of the query.
    pub docs: Vec<String>,
    /// The file that it is from.
    pub file: String,
    /// The SQL as written.
    pub written: String,
    /// What it takes and gives.
    pub query: Query,
}

impl Project {
    /// The database of a binding.
    #[must_use]
    pub fn database(&self, binding: &str) -> Option<&Database> {
        self.bindings
            .iter()
            .find(|bound| bound.name.source == binding)
            .and_then(|bound| bound.database.as_ref())
    }

    /// The folders of migrations of any environment, from the manifest's.
    pub fn migration_folders(&self) -> impl Iterator<Item = String> {
        let bindings = self
            .manifest
            .layers
            .iter()
            .flat_map(|layer| &layer.bindings);
        bindings.filter_map(|binding| match &binding.kind {
            Kind::D1(d1) => Some(d1.folder().to_owned()),
            _ => None,
        })
    }

    /// The queues that are consumed.
    #[must_use]
    pub fn consumers(&self) -> &[Consumer] {
        &self.manifest.merged.consumers
    }
}

/// Applies the migrations and analyzes the queries of each database.
pub fn analyze(
    errors: &mut Errors,
    sources: &Sources,
    manifest: &Manifest,
    inputs: BTreeMap<String, Inputs>,
) -> BTreeMap<String, Database> {
    let mut databases = BTreeMap::new();
    for (binding, input) in inputs {
        let Some(Kind::D1(d1)) = manifest
            .merged
            .bindings
            .iter()
            .find(|candidate| candidate.name.value == binding)
            .map(|found| &found.kind)
        else {
            continue;
        };
        let given = input.types;
        let baseline = input
            .schema
            .baseline
            .map(|file| sources.file(file).name.clone());
        let has_baseline = baseline.is_some();
        let queries = annotated(errors, sources, input.queries);
        let known = Known::load(sources, &input.schema.key(sources, &d1.migrations_table));
        // A second processor has nothing else to do while the first replays the migrations.
        let before = errors.count();
        let (catalog, read) = known.read_while(sources, &queries, || {
            schema::build(errors, sources, &d1.migrations_table, &input.schema)
        });
        let Some(catalog) = catalog else { continue };
        let is_empty = catalog.migrations.is_empty();
        if is_empty
            && !has_baseline
            && errors.count() == before
            && !queries.is_empty()
            && !d1.migrations_dir_is_explicit
        {
            let folder = &d1.migrations_dir;
            errors.push(
                Diagnostic::new(code::NO_MIGRATIONS, format!("the queries of `{binding}` have no schema"), folder.span)
                    .label(format!("no `.sql` file in `{}`, the folder of its migrations", folder.value))
                    .help("create one with `wrangler d1 migrations create`, or name the folder with `migrations_dir = \"...\"`"),
            );
        }
        // A schema that is not whole would make every query that uses the rest of it wrong.
        let whole = errors.count() == before && (!is_empty || has_baseline);
        let types = Types::new(errors, &catalog, given);
        let made = catalog
            .text_enums
            .iter()
            .map(|text_enums| (text_enums.ty.clone(), Maker::TextEnum))
            .collect();
        let mut database = Database {
            catalog,
            variants: Vec::new(),
            baseline,
            whole,
            types,
            methods: Vec::new(),
            refused: Vec::new(),
            made,
        };
        let variants = variants(errors, sources, input.variants);
        let judged = if whole {
            known.judge(sources, &mut database.catalog, &queries, read)
        } else {
            Vec::new()
        };
        let mut judged = judged.into_iter();
        let places: Vec<(String, Span)> = queries
            .iter()
            .map(|query| (query.name.value.clone(), query.sql))
            .collect();
        for annotated in queries {
            method(errors, sources, &mut database, annotated, judged.next());
        }
        for (d1, catalog) in variants {
            agree(errors, (&d1, &catalog), &database, &places);
            database.variants.push((d1, catalog));
        }
        databases.insert(binding, database);
    }
    databases
}

/// The schemas of environments that have migrations of their own.
fn variants(errors: &mut Errors, sources: &Sources, inputs: Vec<Variant>) -> Vec<(D1, Catalog)> {
    let mut variants = Vec::new();
    for Variant { d1, schema } in inputs {
        let before = errors.count();
        let catalog = schema::build(errors, sources, &d1.migrations_table, &schema);
        // A folder without migrations was told of.
        let made =
            catalog.filter(|catalog| errors.count() == before && !catalog.migrations.is_empty());
        variants.extend(made.map(|catalog| (d1, catalog)));
    }
    variants
}

/// A query must mean the same over the schema of every environment.
fn agree(
    errors: &mut Errors,
    variant: (&D1, &Catalog),
    database: &Database,
    places: &[(String, Span)],
) {
    for method in &database.methods {
        let Some((_, place)) = places.iter().find(|(name, _)| *name == method.name.source) else {
            continue;
        };
        let mut own = Errors::default();
        let name = format!("`{}`", method.name.source);
        let text = Written {
            name: &name,
            text: &method.written,
            place: *place,
        };
        agree_on(&mut own, variant, database, &text, &method.query);
        for diagnostic in own.into_errors() {
            let where_made = variant.0.migrations_dir.span;
            let is_difference = diagnostic.code == code::ENVIRONMENT;
            errors.push(if is_difference {
                diagnostic.also(where_made, "in this environment")
            } else {
                diagnostic
            });
        }
    }
}

/// A query as it is written.
struct Written<'a> {
    name: &'a str,
    text: &'a str,
    place: Span,
}

fn agree_on(
    errors: &mut Errors,
    variant: (&D1, &Catalog),
    database: &Database,
    written: &Written<'_>,
    query: &Query,
) {
    let (d1, catalog) = variant;
    let elsewhere = format!("over the schema that `{}` makes", d1.folder());
    let mut own = Errors::default();
    let there = sql::analyze(&mut own, catalog, written.text, written.place);
    if !own.is_empty() {
        for mut diagnostic in own.into_errors() {
            diagnostic.message = format!("{elsewhere}: {}", diagnostic.message);
            errors.push(diagnostic);
        }
        return;
    }
    let Some(mut there) = there else { return };
    database.types.apply(catalog, &mut there);
    if let Some(what) = differing((&database.catalog, query), (catalog, &there)) {
        errors.push(
            Diagnostic::new(
                code::ENVIRONMENT,
                format!("{} has other types {elsewhere}", written.name),
                written.place,
            )
            .label(format!("its {what} differs"))
            .help("bring the migrations of both environments to the same state"),
        );
    }
}

impl Database {
    /// Holds a query that was analyzed against the schemas of other environments.
    pub fn agree(&self, errors: &mut Errors, text: &str, place: Span, query: &Query) {
        for (d1, catalog) in &self.variants {
            agree_on(
                errors,
                (d1, catalog),
                self,
                &Written {
                    name: "the query",
                    text,
                    place,
                },
                query,
            );
        }
    }
}

/// What two schemas make of one query differently, in words.
fn differing(ours: (&Catalog, &Query), theirs: (&Catalog, &Query)) -> Option<String> {
    let texts = |catalog: &Catalog, rust: &ScalarType| match rust {
        ScalarType::Enum(number) => catalog
            .text_enums
            .get(*number as usize)
            .map(|text_enums| text_enums.values.clone()),
        _ => None,
    };
    let columns = |(catalog, query): (&Catalog, &Query)| -> Vec<_> {
        let column = |column: &ResultColumn| {
            (
                column.name.clone(),
                column.scalar.describe(),
                texts(catalog, &column.scalar),
                column.as_type.clone(),
                column.nullable,
            )
        };
        query.columns.iter().map(column).collect()
    };
    let parameters = |(catalog, query): (&Catalog, &Query)| -> Vec<_> {
        let parameter = |known: &Resolved| {
            (
                known.name.clone(),
                known.scalar.describe(),
                texts(catalog, &known.scalar),
                known.as_type.clone(),
                known.nullable,
                known.list,
            )
        };
        query.parameters.iter().map(parameter).collect()
    };
    let (left, right) = (columns(ours), columns(theirs));
    if left.len() != right.len() {
        return Some("number of columns".to_owned());
    }
    let column = left
        .into_iter()
        .zip(right)
        .find(|(ours, theirs)| ours != theirs)
        .map(|((name, ..), _)| format!("column `{name}`"));
    column.or_else(|| {
        let mut pairs = parameters(ours).into_iter().zip(parameters(theirs));
        pairs
            .find(|(ours, theirs)| ours != theirs)
            .map(|((name, ..), _)| format!("parameter `{name}`"))
    })
}

/// The annotated queries of some files, each name once.
fn annotated(errors: &mut Errors, sources: &Sources, files: Vec<FileId>) -> Vec<Annotated> {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let mut queries = Vec::new();
    for file in files {
        for annotated in annotation::read(errors, sources, file) {
            if let Some(first) = names.get(&annotated.name.value) {
                errors.push(
                    Diagnostic::new(
                        code::DUPLICATE_QUERY,
                        format!("two queries are named `{}`", annotated.name.value),
                        annotated.name.span,
                    )
                    .label("the second one")
                    .also(*first, "the first one")
                    .help("rename one of them"),
                );
                continue;
            }
            names.insert(annotated.name.value.clone(), annotated.name.span);
            queries.push(annotated);
        }
    }
    queries
}

fn method(
    errors: &mut Errors,
    sources: &Sources,
    database: &mut Database,
    annotated: Annotated,
    judged: Option<Judged>,
) {
    let name = Name::new(&annotated.name.value);
    let text = sources.text(annotated.sql).to_owned();
    let query = judged.and_then(|judged| {
        let query = judged.query.filter(|_| judged.errors.is_empty());
        errors.extend(judged.errors);
        query
    });
    let query = query.filter(|query| check_cardinality(errors, query, &annotated));
    let Some(query) = query else {
        let mut outline = sql::outline(&database.catalog, &text, annotated.sql);
        name_text_enums(&mut outline.text_enums, &name.source);
        let row = annotated.row.as_ref().map_or_else(
            || name.clone(),
            |row| Name {
                ty: row.value.clone(),
                ..name.clone()
            },
        );
        let cardinality = annotated.cardinality.value;
        database.refused.push(Refused {
            name,
            row,
            cardinality,
            count: parameter_count(&text),
            outline,
        });
        return;
    };
    let mut query = query;
    database.types.apply(&database.catalog, &mut query);
    name_text_enums(&mut query.text_enums, &name.source);
    let mut row = annotated.row.as_ref().map_or_else(
        || name.clone(),
        |row| Name {
            ty: row.value.clone(),
            ..name.clone()
        },
    );
    let owns_row = shares(errors, database, &annotated, &mut row, &query);
    database.methods.push(Method {
        name,
        row,
        owns_row,
        cardinality: annotated.cardinality.value,
        docs: annotated.docs,
        file: sources.file(annotated.sql.file).name.clone(),
        written: text,
        query,
    });
}

/// Whether a query makes its row type, rather than share one that stands. Two of one name must be of one shape.
fn shares(
    errors: &mut Errors,
    database: &mut Database,
    annotated: &Annotated,
    row: &mut Name,
    query: &Query,
) -> bool {
    let at = annotated
        .row
        .as_ref()
        .map_or(annotated.name.span, |row| row.span);
    database.made.extend(
        query
            .text_enums
            .iter()
            .map(|text_enums| (text_enums.ty.clone(), Maker::TextEnum)),
    );
    if query.columns.is_empty() {
        return true;
    }
    let owner = match database.made.get(&row.ty) {
        None => {
            database
                .made
                .insert(row.ty.clone(), Maker::Rows(database.methods.len()));
            return true;
        }
        Some(Maker::TextEnum) => {
            errors.push(
                Diagnostic::new(
                    code::SHARED_ROW,
                    format!("the row type `{}` has the name of an enum", row.ty),
                    at,
                )
                .label("an enum of texts has this name")
                .help("rename the query, or name its row type at the end of the annotation"),
            );
            // Both stand, under names of their own: one mistake is one error.
            row.ty.push_str("Row");
            return true;
        }
        Some(Maker::Rows(owner)) => &database.methods[*owner],
    };
    let shape = |column: &ResultColumn| {
        (
            column.name.clone(),
            column.scalar,
            column.as_type.clone(),
            column.nullable,
        )
    };
    let (theirs, ours) = (&owner.query.columns, &query.columns);
    let other = (0..theirs.len().max(ours.len()))
        .find(|index| theirs.get(*index).map(shape) != ours.get(*index).map(shape));
    if let Some(index) = other {
        let words = |column: Option<&ResultColumn>| {
            column.map_or_else(
                || "absent".to_owned(),
                |column| {
                    let ty = column
                        .as_type
                        .clone()
                        .unwrap_or_else(|| column.scalar.describe().to_owned());
                    format!(
                        "`{}` is {}{ty}",
                        column.name,
                        if column.nullable { "optional " } else { "" }
                    )
                },
            )
        };
        let place = index + 1;
        errors.push(
            Diagnostic::new(
                code::SHARED_ROW,
                format!(
                    "`{}` and `{}` do not give one row type",
                    owner.name.source, annotated.name.value
                ),
                at,
            )
            .label(format!(
                "column {place}: {} here, {} there",
                words(ours.get(index)),
                words(theirs.get(index))
            ))
            .help("select the same columns in the same order, or name another row type"),
        );
    }
    false
}

/// The enums of a query's parameters under its name.
fn name_text_enums(text_enums: &mut [TextEnum], query: &str) {
    for text_enums in text_enums {
        let named = TextEnum::new(
            query,
            &text_enums.column,
            std::mem::take(&mut text_enums.values),
        );
        *text_enums = TextEnum {
            of_parameter: true,
            ..named
        };
    }
}

/// How many parameters a text has, whatever else is wrong with it.
fn parameter_count(text: &str) -> usize {
    use bindery_sqlite::token::{Kind as Token, tokenize};
    let mut seen: Vec<&str> = Vec::new();
    let mut count = 0;
    for token in tokenize(text)
        .iter()
        .filter(|token| token.kind == Token::Parameter)
    {
        let slice = &text[token.span.clone()];
        if slice == "?" || !seen.contains(&slice) {
            seen.push(slice);
            count += 1;
        }
    }
    count
}

/// The rows that the annotation promises must be rows that the statement can give.
fn check_cardinality(errors: &mut Errors, query: &Query, annotated: &Annotated) -> bool {
    let cardinality = &annotated.cardinality;
    let wrong = match (cardinality.value, query.columns.is_empty()) {
        (Cardinality::Exec, false) if query.reads_only => Some((
            "the SELECT would be run for nothing",
            "`:one`, `:optional` or `:many` gives its rows",
        )),
        (Cardinality::Exec, false) => Some((
            "the rows of RETURNING would be lost",
            "`:one`, `:optional` or `:many` gives them",
        )),
        (Cardinality::One | Cardinality::Optional | Cardinality::Many, true) => Some((
            "the statement gives no rows",
            "write `:exec`, or add RETURNING",
        )),
        (Cardinality::One, false) if query.rows == Rows::Never => {
            Some(("the statement never gives a row", "take the `LIMIT 0` out"))
        }
        _ => None,
    };
    if let Some((message, help)) = wrong {
        errors.push(
            Diagnostic::new(code::CARDINALITY, message, cardinality.span)
                .label(format!("`:{}`", cardinality.value.word()))
                .also(annotated.sql, "this statement")
                .help(help),
        );
    }
    if matches!(cardinality.value, Cardinality::One | Cardinality::Optional)
        && query.rows == Rows::Many
    {
        errors.push(
            Diagnostic::new(
                code::CARDINALITY,
                "the statement may give more than one row",
                cardinality.span,
            )
            .label("the first one is taken")
            .also(annotated.sql, "no unique key is given here")
            .help("compare a unique key, or write `LIMIT 1` with an ORDER BY")
            .warning(),
        );
    }
    wrong.is_none()
}
