//! The cache of analyzed queries: a query that an earlier run analyzed without an error is not
//! analyzed again while the schema and the compiler stay the same.

use std::borrow::Cow;
use std::collections::HashMap;

use super::parallel::{self, MIN_QUERIES, NewQuery};
use crate::cache::{self, Encode, encode_fields};
use crate::report::{Code, Diagnostic, Errors, Severity};
use crate::schema::Catalog;
use crate::source::{Sources, Span};
use crate::sql::annotation::Annotated;
use crate::sql::{self, Form, Parsed, Query};

/// The result of analyzing one query.
pub(super) struct Analyzed {
    pub(super) query: Option<Query>,
    pub(super) errors: Errors,
}

/// A query whose text was read.
pub(super) enum Read {
    /// An earlier run analyzed it without an error.
    Cached(Box<Analyzed>),
    /// It must be analyzed.
    New(Parsed),
}

/// The cached queries over one schema: a text and its encoded [`CachedQuery`] each.
pub(super) struct QueryCache {
    name: String,
    bytes: Vec<u8>,
}

impl QueryCache {
    /// Loads the cached queries over the schema with a cache key.
    pub(super) fn load(sources: &Sources, schema: &str) -> Self {
        let kind = if sources.omits_indexes() {
            "queries"
        } else {
            "checked-queries"
        };
        let name = format!("{kind}-{schema}");
        let bytes = cache::load(sources, &name).unwrap_or_default();
        Self { name, bytes }
    }

    fn by_text(&self) -> HashMap<&str, &[u8]> {
        let mut rest = self.bytes.as_slice();
        let mut next = move || {
            let text = cache::decode_text(&mut rest)?;
            Some((text, cache::decode_bytes(&mut rest)?))
        };
        std::iter::from_fn(&mut next).collect()
    }

    /// Reads every query, in their order, while `work` runs on this thread.
    pub(super) fn read_while<T>(
        &self,
        sources: &Sources,
        queries: &[Annotated],
        work: impl FnOnce() -> T,
    ) -> (T, Vec<Read>) {
        if queries.len() < MIN_QUERIES {
            return (work(), self.read(sources, queries));
        }
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| self.read(sources, queries));
            let result = work();
            // A panic of the reader is a bug. Reading again on this thread reports it.
            let read = reader
                .join()
                .unwrap_or_else(|_| self.read(sources, queries));
            (result, read)
        })
    }

    fn read(&self, sources: &Sources, queries: &[Annotated]) -> Vec<Read> {
        let cached = self.by_text();
        let read = |annotated: &Annotated| {
            let text = sources.text(annotated.sql);
            let bytes = cached.get(&*key(annotated, text));
            let query = bytes.and_then(|bytes| CachedQuery::decode(&mut &**bytes));
            let analyzed = query.and_then(|query| query.into_analyzed(annotated.sql));
            let parse = || sql::parse(text, annotated.form());
            analyzed.map_or_else(
                || Read::New(parse()),
                |analyzed| Read::Cached(Box::new(analyzed)),
            )
        };
        queries.iter().map(read).collect()
    }

    /// Analyzes the new queries, and stores the results for the next run.
    pub(super) fn analyze(
        &self,
        sources: &Sources,
        catalog: &mut Catalog,
        queries: &[Annotated],
        read: Vec<Read>,
    ) -> Vec<Analyzed> {
        let mut analyzed: Vec<Option<Analyzed>> = Vec::new();
        let mut new = Vec::new();
        for (index, (annotated, read)) in queries.iter().zip(read).enumerate() {
            analyzed.push(match read {
                Read::Cached(analyzed) => Some(*analyzed),
                Read::New(parsed) => {
                    new.push(NewQuery {
                        index,
                        span: annotated.sql,
                        form: annotated.form(),
                        parsed,
                    });
                    None
                }
            });
        }
        let is_cached: Vec<bool> = analyzed.iter().map(Option::is_some).collect();
        let any_new = !new.is_empty();

        for (index, result) in parallel::analyze(sources, catalog, new) {
            analyzed[index] = Some(result);
        }
        let analyzed: Vec<Analyzed> = analyzed.into_iter().flatten().collect();
        if any_new {
            self.save(sources, queries, &analyzed, &is_cached);
        }
        analyzed
    }

    fn save(
        &self,
        sources: &Sources,
        queries: &[Annotated],
        analyzed: &[Analyzed],
        is_cached: &[bool],
    ) {
        let cached = self.by_text();
        let mut bytes = Vec::new();
        for ((annotated, analyzed), is_cached) in queries.iter().zip(analyzed).zip(is_cached) {
            let key = key(annotated, sources.text(annotated.sql));
            let unchanged = cached.get(&*key).filter(|_| *is_cached);

            let mut encoded = Vec::new();
            let query = match unchanged {
                Some(bytes) => *bytes,
                None => {
                    let Some(query) = CachedQuery::new(analyzed, annotated.sql) else {
                        continue;
                    };
                    query.encode(&mut encoded);
                    &encoded
                }
            };
            cache::encode_text(&key, &mut bytes);
            cache::encode_bytes(query, &mut bytes);
        }
        cache::save(sources, &self.name, bytes);
    }
}

/// The key of a query: its text, and what its annotation changes in the analysis.
fn key<'t>(annotated: &Annotated, text: &'t str) -> Cow<'t, str> {
    match annotated.form() {
        Form::Plain => Cow::Borrowed(text),
        Form::Patch => Cow::Owned(format!("{text}\n-- :patch")),
        Form::Page => Cow::Owned(format!("{text}\n-- :page")),
        Form::Bulk => Cow::Owned(format!("{text}\n-- :bulk")),
    }
}

/// A query without an error. It has no position, because each edit above it moves it.
struct CachedQuery {
    query: Query,
    warnings: Vec<CachedWarning>,
}

/// A warning; its position is relative to the start of the query.
struct CachedWarning {
    code: String,
    message: String,
    start: usize,
    end: usize,
    label: String,
    help: Option<String>,
}

encode_fields! {
    CachedQuery { query, warnings }
    CachedWarning { code, message, start, end, label, help }
}

impl CachedQuery {
    /// Returns `None` for a query with a diagnostic that cannot be restored.
    fn new(analyzed: &Analyzed, span: Span) -> Option<Self> {
        let diagnostics = analyzed.errors.iter();
        let warnings = diagnostics.map(|diagnostic| CachedWarning::new(diagnostic, span));
        Some(Self {
            query: analyzed.query.clone()?,
            warnings: warnings.collect::<Option<_>>()?,
        })
    }

    fn into_analyzed(self, span: Span) -> Option<Analyzed> {
        let mut errors = Errors::default();
        for warning in self.warnings {
            errors.push(warning.into_diagnostic(span)?);
        }
        Some(Analyzed {
            query: Some(self.query),
            errors,
        })
    }
}

impl CachedWarning {
    fn new(diagnostic: &Diagnostic, query: Span) -> Option<Self> {
        let span = diagnostic.span?;
        let is_warning = diagnostic.severity == Severity::Warning;
        if !is_warning || span.file != query.file || !diagnostic.also.is_empty() {
            return None;
        }
        Some(Self {
            code: diagnostic.code.id().to_owned(),
            message: diagnostic.message.clone(),
            start: span.start.checked_sub(query.start)?,
            end: span.end.checked_sub(query.start)?,
            label: diagnostic.label.clone(),
            help: diagnostic.help.clone(),
        })
    }

    fn into_diagnostic(self, query: Span) -> Option<Diagnostic> {
        let code = Code::from_id(&self.code)?;
        let span = query.part(&(self.start..self.end));
        let diagnostic = Diagnostic::new(code, self.message, span)
            .label(self.label)
            .warning();
        Some(match self.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        })
    }
}
