//! Analyzes queries on several threads: a user waits for this on each save, and queries do not
//! depend on each other.

use super::query_cache::Analyzed;
use crate::report::Errors;
use crate::schema::Catalog;
use crate::source::{Sources, Span};
use crate::sql::{self, Form, Parsed};

/// Fewer queries than this are analyzed in less time than a thread takes to start.
pub(super) const MIN_QUERIES: usize = 64;

/// More threads than this only wait for memory.
const MAX_THREADS: usize = 8;

/// A query to analyze.
pub(super) struct NewQuery {
    /// Its number among all queries.
    pub(super) index: usize,
    pub(super) span: Span,
    pub(super) form: Form,
    pub(super) parsed: Parsed,
}

/// Analyzes queries on every processor. Each result has the number of its query.
pub(super) fn analyze(
    sources: &Sources,
    catalog: &mut Catalog,
    queries: Vec<NewQuery>,
) -> Vec<(usize, Analyzed)> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(MAX_THREADS).min(queries.len() / MIN_QUERIES);
    let seed = if threads > 1 { catalog.seed() } else { None };
    let Some(seed) = seed else {
        return analyze_all(sources, catalog, queries);
    };

    let size = queries.len().div_ceil(threads);
    let mut queries = queries.into_iter();
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 1..threads {
            let part: Vec<NewQuery> = queries.by_ref().take(size).collect();
            let spans = part
                .iter()
                .map(|query| (query.index, query.span, query.form));
            let spans: Vec<(usize, Span, Form)> = spans.collect();
            let seed = seed.clone();
            let worker = scope.spawn(move || Some(analyze_all(sources, &seed.grow()?, part)));
            workers.push((spans, worker));
        }

        let mut analyzed = analyze_all(sources, catalog, queries.collect());
        for (spans, worker) in workers {
            let result = worker.join().ok().flatten();
            // A panic of a worker is a bug. Analyzing again on this thread reports it.
            analyzed.extend(result.unwrap_or_else(|| analyze_again(sources, catalog, spans)));
        }
        analyzed
    })
}

fn analyze_again(
    sources: &Sources,
    catalog: &Catalog,
    spans: Vec<(usize, Span, Form)>,
) -> Vec<(usize, Analyzed)> {
    let queries = spans.into_iter().map(|(index, span, form)| {
        let parsed = sql::parse(sources.text(span), form);
        NewQuery {
            index,
            span,
            form,
            parsed,
        }
    });
    analyze_all(sources, catalog, queries.collect())
}

fn analyze_all(
    sources: &Sources,
    catalog: &Catalog,
    queries: Vec<NewQuery>,
) -> Vec<(usize, Analyzed)> {
    let analyze = |NewQuery {
                       index,
                       span,
                       parsed,
                       ..
                   }| {
        let mut errors = Errors::default();
        let query = sql::analyze_parsed(&mut errors, catalog, sources.text(span), span, parsed);
        (index, Analyzed { query, errors })
    };
    queries.into_iter().map(analyze).collect()
}
