//! Warns of calls in Rust code that write tables of which other calls cache rows.
//!
//! It looks at the tokens of the source files, so it also sees calls inside of macros. It does not
//! know types: a method with the name of a query is a call of it, unless it follows the name of
//! another binding.

use std::collections::BTreeMap;
use std::path::Path;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

use crate::model::{Method, Project};
use crate::report::{Code, Diagnostic, Errors};
use crate::source::{FileId, Sources, Span, rust_files};

/// A call of a query.
struct Call<'p> {
    query: &'p Method,
    /// The field of its database.
    database: &'p str,
    span: Span,
    is_cached: bool,
    is_invalidating: bool,
    /// The function that it is in.
    function: usize,
}

/// Warns of the calls in the source files of a package.
pub fn check(errors: &mut Errors, sources: &mut Sources, project: &Project, package: &Path) {
    let names = rust_files(&package.join("src")).into_iter();
    let names = names.map(|name| format!("src/{name}"));
    let files = names.filter_map(|name| sources.read(&name, &package.join(&name)).ok());
    let files: Vec<FileId> = files.collect();
    // Splitting every file of a crate into tokens would be slow.
    if !files
        .iter()
        .any(|file| sources.file(*file).text.contains(".cached("))
    {
        return;
    }

    let (mut calls, mut functions) = (Vec::new(), 0);
    let mut invalidations = Invalidations::default();
    let queries = queries(project);
    for file in files {
        let Ok(tokens) = sources.file(file).text.parse::<TokenStream>() else {
            continue;
        };
        let mut finder = Finder {
            project,
            queries: &queries,
            file,
            calls: &mut calls,
            invalidations: &mut invalidations,
            functions: &mut functions,
            function: 0,
        };
        finder.find(tokens, false);
    }
    let Invalidations {
        unknown_batches,
        tables,
    } = invalidations;
    let is_invalidated = |call: &Call<'_>, table: &str| {
        let is_own = |(function, name): &(usize, String)| {
            *function == call.function && name.eq_ignore_ascii_case(table)
        };
        call.is_invalidating
            || unknown_batches.contains(&call.function)
            || tables.iter().any(is_own)
    };

    for write in &calls {
        let mut cached = calls.iter().filter(|call| call.is_cached);
        let stale = cached.find_map(|read| {
            let same = read.database == write.database;
            let mut tables = written(write.query).filter(|table| !is_invalidated(write, table));
            let table = tables.find(|table| reads(read.query, table));
            table.filter(|_| same).map(|table| (read, table))
        });
        if let Some((read, table)) = stale {
            errors.push(warning(write, read, table));
        }
    }
}

fn warning(write: &Call<'_>, read: &Call<'_>, table: &str) -> Diagnostic {
    let message = format!(
        "`{}` writes `{table}`, of which `{}` caches rows",
        write.query.name.field, read.query.name.field
    );
    Diagnostic::new(Code::StaleCache, message, write.span)
        .label("the cached rows stay as they are until they expire")
        .also(read.span, "cached here")
        .help(
            "call `invalidating` on the query, `batch_invalidating` for a batch, or `invalidate` \
             after the write",
        )
        .warning()
}

/// The queries of each name, with the field of their database.
fn queries(project: &Project) -> BTreeMap<&str, Vec<(&str, &Method)>> {
    let mut queries: BTreeMap<&str, Vec<(&str, &Method)>> = BTreeMap::new();
    for bound in &project.bindings {
        for method in bound.database.iter().flat_map(|database| &database.methods) {
            let of_name = queries.entry(&method.name.field).or_default();
            of_name.push((&bound.name.field, method));
        }
    }
    queries
}

fn written(method: &Method) -> impl Iterator<Item = &str> {
    let accesses = method.query.accesses.iter();
    let writes = accesses.filter(|access| access.writes && !method.query.reads_only);
    writes.map(|access| access.table.as_str())
}

fn reads(method: &Method, table: &str) -> bool {
    let mut accesses = method.query.accesses.iter();
    accesses.any(|access| !access.writes && access.table.eq_ignore_ascii_case(table))
}

/// Finds the calls in one file.
struct Finder<'f, 'p> {
    project: &'p Project,
    queries: &'f BTreeMap<&'p str, Vec<(&'p str, &'p Method)>>,
    file: FileId,
    calls: &'f mut Vec<Call<'p>>,
    invalidations: &'f mut Invalidations,
    /// The number of functions so far.
    functions: &'f mut usize,
    /// The current one.
    function: usize,
}

/// What functions invalidate, apart from calls of queries.
#[derive(Default)]
struct Invalidations {
    /// The functions that pass a batch which is built elsewhere.
    unknown_batches: Vec<usize>,
    /// The functions that name a table.
    tables: Vec<(usize, String)>,
}

impl Finder<'_, '_> {
    /// Finds the calls in some tokens. A batch can be invalidating.
    fn find(&mut self, tokens: TokenStream, is_invalidating: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let (mut index, mut starts_function) = (0, false);
        while index < tokens.len() {
            starts_function |= is_word(&tokens[index], "fn");
            if is_test_attribute(&tokens[index..]) {
                // The item of the attribute ends with its body.
                let rest = tokens[index..].iter();
                let body = rest.take_while(|token| !is_body(token) && !is(token, ';'));
                index += body.count() + 1;
                continue;
            }

            match &tokens[index] {
                TokenTree::Group(group) => {
                    let before = index.checked_sub(1).map(|before| &tokens[before]);
                    let is_call = |name| before.is_some_and(|token| is_word(token, name));
                    let is_batch = is_call("batch_invalidating");
                    if is_call("invalidate") {
                        self.add_tables(group.stream());
                    }
                    let (outer, known) = (self.function, self.calls.len());
                    if is_body(&tokens[index]) && starts_function {
                        *self.functions += 1;
                        self.function = *self.functions;
                        starts_function = false;
                    }
                    self.find(group.stream(), is_invalidating || is_batch);
                    self.function = outer;
                    if is_batch && self.calls.len() == known {
                        self.invalidations.unknown_batches.push(outer);
                    }
                }
                TokenTree::Ident(name) if index > 0 && is(&tokens[index - 1], '.') => {
                    let follows = &tokens[index + 1..];
                    if let Some(TokenTree::Group(arguments)) = follows.first() {
                        let before = &tokens[..index - 1];
                        self.call(name, arguments, before, (follows, is_invalidating));
                    }
                }
                _ => {}
            }
            index += 1;
        }
    }

    /// Adds the texts among some tokens.
    fn add_tables(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Literal(literal) => {
                    let table = literal.to_string().trim_matches('"').to_owned();
                    self.invalidations.tables.push((self.function, table));
                }
                TokenTree::Group(group) => self.add_tables(group.stream()),
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }

    /// Adds a call, if a query has its name.
    fn call(
        &mut self,
        name: &Ident,
        arguments: &Group,
        before: &[TokenTree],
        (follows, is_invalidating): (&[TokenTree], bool),
    ) {
        let text = name.to_string();
        let Some(queries) = self.queries.get(text.trim_start_matches("r#")) else {
            return;
        };
        if arguments.delimiter() != Delimiter::Parenthesis {
            return;
        }
        let receiver = receiver(before);
        let mut fields = self.project.bindings.iter().map(|bound| &bound.name.field);
        let binding = receiver.filter(|receiver| fields.any(|field| receiver == field));
        let mut candidates = queries.iter();
        let query = candidates.find(|(database, _)| {
            let is_other = binding.as_ref().is_some_and(|binding| binding != database);
            !is_other
        });
        let Some((database, query)) = query else {
            return;
        };

        let methods = methods(follows);
        let range = name.span().byte_range();
        self.calls.push(Call {
            query,
            database,
            span: Span {
                file: self.file,
                start: range.start,
                end: range.end,
            },
            is_cached: query.query.reads_only && methods.iter().any(|method| method == "cached"),
            function: self.function,
            is_invalidating: is_invalidating
                || methods.iter().any(|method| method == "invalidating"),
        });
    }
}

/// The name before a call: `db` in `env.db.rename()`, and `users` in
/// `env.users.shard(key).rename()`.
fn receiver(before: &[TokenTree]) -> Option<String> {
    let before = match before {
        [before @ .., TokenTree::Ident(shard), TokenTree::Group(_)] if shard == "shard" => {
            before.split_last().map_or(before, |(_, before)| before)
        }
        before => before,
    };
    match before.last() {
        Some(TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    }
}

/// The names of the methods that are called on the result of a call, whose arguments come first.
fn methods(follows: &[TokenTree]) -> Vec<String> {
    let mut names = Vec::new();
    for token in follows {
        match token {
            TokenTree::Ident(name) => names.push(name.to_string()),
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {}
            TokenTree::Punct(punct) if ".?:<>".contains(punct.as_char()) => {}
            _ => break,
        }
    }
    names
}

/// Whether an attribute starts here that marks a test: `#[cfg(test)]`, `#[test]` or
/// `#[bindery::test]`.
fn is_test_attribute(tokens: &[TokenTree]) -> bool {
    let [hash, TokenTree::Group(attribute), ..] = tokens else {
        return false;
    };
    let text = attribute.stream().to_string();
    let name = text.split('(').next().unwrap_or_default().trim();
    is(hash, '#') && (name.ends_with("test") || text.replace(' ', "").starts_with("cfg(test"))
}

fn is_body(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}
