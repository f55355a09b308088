//! The queries of a database, judged side by side.
//!
//! A user waits for this on each save, and one query says nothing of another.

use crate::report::Errors;
use crate::schema::Catalog;
use crate::source::Sources;
use crate::sql::annotation::Annotated;
use crate::sql::{self, Query};

/// What came of one query.
pub(super) struct Judged {
    pub(super) query: Option<Query>,
    pub(super) errors: Errors,
}

/// Fewer queries are judged before a thread has started.
const FEWEST: usize = 64;
/// More threads than this wait for memory, not for work.
const MOST_THREADS: usize = 8;

/// Judges every query, in their order.
pub(super) fn all(sources: &Sources, catalog: &mut Catalog, queries: &[Annotated]) -> Vec<Judged> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let threads = processors.min(queries.len() / FEWEST);
    if threads < 2 {
        return some(sources, catalog, queries);
    }
    let forks = catalog.forks(threads - 1);
    let parts: Vec<&[Annotated]> = queries.chunks(queries.len().div_ceil(forks.len() + 1)).collect();
    let Some((first, rest)) = parts.split_first() else { return Vec::new() };
    std::thread::scope(|scope| {
        let workers: Vec<_> = forks
            .into_iter()
            .zip(rest.iter().copied())
            .map(|(fork, part)| (part, scope.spawn(move || some(sources, &fork, part))))
            .collect();
        let mut judged = some(sources, catalog, first);
        for (part, worker) in workers {
            // A worker that panicked would be a mistake of ours: it is made here, where it is told.
            judged.extend(worker.join().unwrap_or_else(|_| some(sources, catalog, part)));
        }
        judged
    })
}

fn some(sources: &Sources, catalog: &Catalog, queries: &[Annotated]) -> Vec<Judged> {
    let one = |annotated: &Annotated| {
        let mut errors = Errors::default();
        let query = sql::analyse(&mut errors, catalog, sources.text(annotated.sql), annotated.sql);
        Judged { query, errors }
    };
    queries.iter().map(one).collect()
}
