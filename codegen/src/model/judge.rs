//! The queries of a database, judged side by side; what an earlier run knew of one is not asked again.
//!
//! A user waits for this on each save, and one query says nothing of another.

use std::collections::HashMap;

use crate::cache::{self, Encode, encode_fields};
use crate::report::{Diagnostic, Errors, Severity, code};
use crate::schema::Catalog;
use crate::source::{Sources, Span};
use crate::sql::annotation::Annotated;
use crate::sql::{self, Parsed, Query};

/// What came of one query.
pub(super) struct Judged {
    pub(super) query: Option<Query>,
    pub(super) errors: Errors,
}

/// A query whose text was read.
pub(super) enum Read {
    /// An earlier run judged it, and found no error.
    Known(Judged),
    New(Parsed),
}

/// Fewer queries are judged before a thread has started.
const FEWEST: usize = 64;
/// More threads than this wait for memory, not for work.
const MOST_THREADS: usize = 8;

/// What an earlier run found of the queries over one schema: a text and its [`Kept`] each.
pub(super) struct Known {
    name: String,
    bytes: Vec<u8>,
}

impl Known {
    /// What is known of queries over the schema of a key.
    pub(super) fn load(sources: &Sources, schema: &str) -> Self {
        let name = format!("queries-{schema}");
        let bytes = cache::load(sources, &name).unwrap_or_default();
        Self { name, bytes }
    }

    fn by_text(&self) -> HashMap<&str, &[u8]> {
        let mut rest = self.bytes.as_slice();
        let mut next = move || Some((cache::take_text(&mut rest)?, cache::take_bytes(&mut rest)?));
        std::iter::from_fn(&mut next).collect()
    }

    /// Reads every query, in their order, while something else is done.
    pub(super) fn read_while<T>(
        &self,
        sources: &Sources,
        queries: &[Annotated],
        work: impl FnOnce() -> T,
    ) -> (T, Vec<Read>) {
        let read = || -> Vec<Read> {
            let known = self.by_text();
            let one = |annotated: &Annotated| {
                let text = sources.text(annotated.sql);
                let kept = known
                    .get(text)
                    .and_then(|bytes| Kept::take(&mut &**bytes)?.judged(annotated.sql));
                kept.map_or_else(|| Read::New(sql::parse(text)), Read::Known)
            };
            queries.iter().map(one).collect()
        };
        if queries.len() < FEWEST {
            return (work(), read());
        }
        std::thread::scope(|scope| {
            let reader = scope.spawn(read);
            let done = work();
            // A reader that panicked would be a mistake of ours: it is made here, where it is told.
            (done, reader.join().unwrap_or_else(|_| read()))
        })
    }

    /// Judges what is new, and keeps what came of it for the next run.
    pub(super) fn judge(
        &self,
        sources: &Sources,
        catalog: &mut Catalog,
        queries: &[Annotated],
        read: Vec<Read>,
    ) -> Vec<Judged> {
        let mut judged: Vec<Option<Judged>> = Vec::new();
        let mut new = Vec::new();
        for (index, (annotated, read)) in queries.iter().zip(read).enumerate() {
            judged.push(match read {
                Read::Known(judged) => Some(judged),
                Read::New(parsed) => {
                    new.push((index, annotated.sql, parsed));
                    None
                }
            });
        }
        let is_old: Vec<bool> = judged.iter().map(Option::is_some).collect();
        let any_new = !new.is_empty();
        for (index, outcome) in all(sources, catalog, new) {
            judged[index] = Some(outcome);
        }
        let judged: Vec<Judged> = judged.into_iter().flatten().collect();
        if any_new {
            self.save(sources, queries, &judged, &is_old);
        }
        judged
    }

    fn save(&self, sources: &Sources, queries: &[Annotated], judged: &[Judged], is_old: &[bool]) {
        let known = self.by_text();
        let mut bytes = Vec::new();
        for ((annotated, judged), is_old) in queries.iter().zip(judged).zip(is_old) {
            let text = sources.text(annotated.sql);
            let mut made = Vec::new();
            let kept = match known.get(text).filter(|_| *is_old) {
                Some(kept) => *kept,
                None => {
                    let Some(kept) = Kept::of(judged, annotated.sql) else {
                        continue;
                    };
                    kept.put(&mut made);
                    &made
                }
            };
            cache::put_text(text, &mut bytes);
            cache::put_bytes(kept, &mut bytes);
        }
        cache::save(sources, &self.name, bytes);
    }
}

/// Judges queries, on every processor.
fn all(
    sources: &Sources,
    catalog: &mut Catalog,
    queries: Vec<(usize, Span, Parsed)>,
) -> Vec<(usize, Judged)> {
    let processors = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MOST_THREADS);
    let threads = processors.min(queries.len() / FEWEST);
    let Some(seed) = (threads > 1).then(|| catalog.seed()).flatten() else {
        return some(sources, catalog, queries);
    };
    let size = queries.len().div_ceil(threads);
    let mut queries = queries.into_iter();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads)
            .map(|_| {
                let part: Vec<_> = queries.by_ref().take(size).collect();
                let places: Vec<(usize, Span)> = part
                    .iter()
                    .map(|(index, place, _)| (*index, *place))
                    .collect();
                let seed = seed.clone();
                (
                    places,
                    scope.spawn(move || Some(some(sources, &seed.grow()?, part))),
                )
            })
            .collect();
        let mut judged = some(sources, catalog, queries.collect());
        for (places, worker) in workers {
            // A worker that panicked would be a mistake of ours: it is made here, where it is told.
            judged.extend(worker.join().ok().flatten().unwrap_or_else(|| {
                let again = |(index, place)| (index, place, sql::parse(sources.text(place)));
                some(sources, catalog, places.into_iter().map(again).collect())
            }));
        }
        judged
    })
}

fn some(
    sources: &Sources,
    catalog: &Catalog,
    queries: Vec<(usize, Span, Parsed)>,
) -> Vec<(usize, Judged)> {
    let one = |(index, place, parsed)| {
        let mut errors = Errors::default();
        let query = sql::analyze_parsed(&mut errors, catalog, sources.text(place), place, parsed);
        (index, Judged { query, errors })
    };
    queries.into_iter().map(one).collect()
}

/// A query without an error, as it is kept: without a place, which moves with each edit above it.
struct Kept {
    query: Query,
    warnings: Vec<Warning>,
}

/// A warning, its place counted from the start of the query.
struct Warning {
    code: String,
    message: String,
    start: usize,
    end: usize,
    label: String,
    help: Option<String>,
}

encode_fields! {
    Kept { query, warnings }
    Warning { code, message, start, end, label, help }
}

impl Kept {
    /// `None` where it cannot be told again in the same words.
    fn of(judged: &Judged, place: Span) -> Option<Self> {
        let query = judged.query.clone()?;
        let warnings = judged
            .errors
            .iter()
            .map(|diagnostic| Warning::of(diagnostic, place))
            .collect::<Option<_>>()?;
        Some(Self { query, warnings })
    }

    fn judged(self, place: Span) -> Option<Judged> {
        let mut errors = Errors::default();
        for warning in self.warnings {
            errors.push(warning.diagnostic(place)?);
        }
        Some(Judged {
            query: Some(self.query),
            errors,
        })
    }
}

impl Warning {
    /// What the analysis of a query warns of.
    const CODES: [&str; 2] = [code::FULL_SCAN, code::UNTYPED_PARAMETER];

    fn of(diagnostic: &Diagnostic, place: Span) -> Option<Self> {
        let Diagnostic {
            severity: Severity::Warning,
            code,
            message,
            span: Some(span),
            label,
            also,
            help,
        } = diagnostic
        else {
            return None;
        };
        if span.file != place.file || !also.is_empty() || !Self::CODES.contains(code) {
            return None;
        }
        let from_start = |position: usize| position.checked_sub(place.start);
        Some(Self {
            code: (*code).to_owned(),
            message: message.clone(),
            start: from_start(span.start)?,
            end: from_start(span.end)?,
            label: label.clone(),
            help: help.clone(),
        })
    }

    fn diagnostic(self, place: Span) -> Option<Diagnostic> {
        let code = Self::CODES.into_iter().find(|code| *code == self.code)?;
        let mut diagnostic =
            Diagnostic::new(code, self.message, place.part(&(self.start..self.end)))
                .label(self.label)
                .warning();
        diagnostic.help = self.help;
        Some(diagnostic)
    }
}
