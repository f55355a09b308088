//! The first page: calls, requests, queries, caches, errors and cost.

use std::collections::BTreeMap;
use std::time::Duration;

use maud::{Markup, html};

use crate::bindings::BindingKind;
use crate::error::Service;
use crate::observe::{CallLine, CostReport, Summary};

use super::layout::{ago, milliseconds, nothing, rounded};
use super::recorder::{CacheCounts, RecentError, RecentRequest, SECONDS, Second, WARNING};
use super::{Dashboard, Page};

/// The rows of a list.
const LIMIT: usize = 20;

pub(super) async fn page(dashboard: &Dashboard) -> Page {
    let recorder = &dashboard.recorder;
    let summaries = recorder.aggregate().summaries();
    let report = recorder.cost().report();
    let queries = queries(dashboard, &summaries).await;

    let content = html! {
        div #live {
            (figures(&summaries, &report))
            (chart(&recorder.seconds()))
            section { h2 { "Requests" } (requests(&recorder.requests())) }
            section { h2 { "Calls" } (calls(&summaries)) }
            section { h2 { "Queries" } (queries) }
            section { h2 { "Caches" } (caches(&recorder.caches())) }
            section { h2 { "Errors" } (errors(&recorder.errors())) }
            section { h2 { "Cost" } (cost(&report)) }
        }
    };

    Page::Html {
        title: "Overview".to_owned(),
        content,
    }
}

fn figures(summaries: &[Summary], report: &CostReport) -> Markup {
    let is_handler = |summary: &&Summary| summary.service == Service::Worker.name();
    let handled = summaries.iter().filter(is_handler);
    let requests: u64 = handled.map(|summary| summary.calls).sum();
    let calls = summaries.iter().filter(|summary| !is_handler(summary));
    let (calls, failed) = calls.fold((0, 0), |(calls, failed), summary| {
        let errors: u64 = summary.errors.values().sum();
        (calls + summary.calls, failed + errors)
    });
    let month = format!("${:.2}", report.dollars_per_month);

    html! {
        div.figures {
            (figure("requests and batches", &requests.to_string()))
            (figure("calls", &calls.to_string()))
            (figure("failed calls", &failed.to_string()))
            (figure("a month of this use", &month))
            (figure("running for", &rounded(report.elapsed)))
        }
    }
}

fn figure(name: &str, value: &str) -> Markup {
    html! { div.figure { b { (value) } span { (name) } } }
}

/// The requests of the last seconds, as bars.
fn chart(seconds: &[Second; SECONDS]) -> Markup {
    let most = seconds.iter().map(|second| second.requests).max();
    let most = most.unwrap_or(0).max(1);
    // An error is visible, however many requests there are.
    let height = |count: u64| (count * 40).div_ceil(most);

    html! {
        figure {
            svg viewBox="0 0 600 40" preserveAspectRatio="none" role="img"
                aria-label="requests in each of the last 60 seconds" {
                @for (index, second) in seconds.iter().enumerate() {
                    @let (all, failed) = (height(second.requests), height(second.errors));
                    rect x=(index * 10) y=(40 - all) width="8" height=(all) {}
                    rect.error x=(index * 10) y=(40 - failed) width="8" height=(failed) {}
                }
            }
            figcaption { "requests in each of the last 60 seconds, at most " (most) }
        }
    }
}

fn requests(requests: &[RecentRequest]) -> Markup {
    html! {
        @if requests.is_empty() { (nothing("No request yet.")) }
        @for (index, request) in requests.iter().take(LIMIT).enumerate() {
            (request_details(index, request))
        }
    }
}

fn request_details(index: usize, request: &RecentRequest) -> Markup {
    let (lines, count) = request.journal.lines();
    let last = lines.iter().map(|line| line.start + line.duration).max();
    let whole = request.duration.max(last.unwrap_or_default());
    let noun = if count == 1 { "call" } else { "calls" };

    html! {
        details id={ "request-" (index) } {
            summary.columns.error[request.is_error] {
                span.name { (request.name) }
                span { @if let Some(status) = request.status { (status) } }
                span { (milliseconds(request.duration)) " ms" }
                span { (count) " " (noun) }
                span.time { (ago(request.ended)) }
            }
            @if lines.is_empty() { (nothing("It made no calls.")) }
            @for line in &lines { (call_line(line, whole)) }
        }
    }
}

/// A call as a bar from its start to its end.
fn call_line(line: &CallLine, whole: Duration) -> Markup {
    let scale = 1000.0 / whole.as_secs_f64().max(1e-9);
    let position = |time: Duration| (time.as_secs_f64() * scale) as u64;
    let (x, width) = (position(line.start), position(line.duration).max(4));

    html! {
        div.call.error[line.is_error] {
            span.name { (line.name) }
            svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" {
                rect x=(x) y="0" width=(width) height="10" {}
            }
            span { (milliseconds(line.duration)) " ms" }
            span.details { (line.details) }
        }
    }
}

fn calls(summaries: &[Summary]) -> Markup {
    let mut summaries: Vec<&Summary> = summaries.iter().collect();
    summaries.sort_by_key(|summary| std::cmp::Reverse(summary.total));

    html! {
        @if summaries.is_empty() { (nothing("No call yet.")) } @else {
            div.scroll { table {
                thead { tr {
                    th { "call" } th.number { "calls" } th.number { "errors" } th.number { "p50 ms" } th.number { "p95 ms" }
                    th.number { "p99 ms" } th.number { "max ms" } th.number { "rows read" } th.number { "rows written" }
                    th.number { "hits" }
                } }
                tbody { @for summary in summaries { (call(summary)) } }
            } }
        }
    }
}

fn call(summary: &Summary) -> Markup {
    let errors: u64 = summary.errors.values().sum();
    let operation = summary.query.unwrap_or(summary.operation);
    let looked_up = summary.hits + summary.misses;

    html! {
        tr.error[errors > 0] {
            td { span.kind { (summary.service) } " " (summary.binding) " " (operation) }
            td.number { (summary.calls) }
            td.number { (errors) }
            td.number { (milliseconds(summary.p50)) }
            td.number { (milliseconds(summary.p95)) }
            td.number { (milliseconds(summary.p99)) }
            td.number { (milliseconds(summary.max)) }
            td.number { (summary.rows_read) }
            td.number { (summary.rows_written) }
            td.number { @if looked_up > 0 { (percent(summary.hits, looked_up)) } }
        }
    }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.0} %", part as f64 / whole.max(1) as f64 * 100.0)
}

/// The queries that took the most time, and those that only batches have run, with their plans.
async fn queries(dashboard: &Dashboard, summaries: &[Summary]) -> Markup {
    let queries = summaries.iter().filter(|summary| summary.query.is_some());
    let mut queries: Vec<&Summary> = queries.collect();
    queries.sort_by_key(|summary| std::cmp::Reverse(summary.total));

    let mut rendered = Vec::new();
    for summary in queries.iter().take(LIMIT) {
        let name = summary.query.unwrap_or_default();
        rendered.extend(query(dashboard, &summary.binding, name, Some(summary)).await);
    }
    let resources = dashboard.backend.environment().resources.iter();
    for resource in resources.filter(|resource| resource.kind == BindingKind::D1) {
        let Ok(database) = dashboard.backend.d1(resource.binding) else {
            continue;
        };
        let is_known = |name: &&str| {
            let is_query = |summary: &&Summary| summary.query == Some(*name);
            queries.iter().copied().any(|summary| is_query(&summary))
        };
        let names = database.query_names();
        for name in names.into_iter().filter(|name| !is_known(name)).take(LIMIT) {
            rendered.extend(query(dashboard, resource.binding, name, None).await);
        }
    }

    html! {
        @if rendered.is_empty() { (nothing("No query yet.")) }
        @for query in rendered { (query) }
    }
}

/// A query with its plan. Without a summary, only batches have run it.
async fn query(
    dashboard: &Dashboard,
    binding: &str,
    name: &str,
    summary: Option<&Summary>,
) -> Option<Markup> {
    let database = dashboard.backend.d1(binding).ok()?;
    let sql = database.query(name)?;
    let plan = database.plan(&sql).await.unwrap_or_default();
    let scans = plan.iter().any(|(_, step)| is_scan(step));

    Some(html! {
        details id={ "query-" (binding) "-" (name) } {
            summary.columns {
                span.name { span.kind { (binding) } " " (name)
                    @if scans { " " span.badge.warning { "full scan" } } }
                @if let Some(summary) = summary {
                    span { (summary.calls) " calls" }
                    span { "p50 " (milliseconds(summary.p50)) " ms" }
                    span { "max " (milliseconds(summary.max)) " ms" }
                    span { (summary.rows_read / summary.calls.max(1)) " rows read" }
                } @else {
                    span { "in batches" }
                }
            }
            pre { (sql) }
            ul.plan {
                @for (depth, step) in &plan {
                    li.scan[is_scan(step)] data-depth=(depth) { (step) }
                }
            }
        }
    })
}

/// Whether a step reads all rows of a table or an index.
fn is_scan(step: &str) -> bool {
    step.starts_with("SCAN ") && !step.starts_with("SCAN CONSTANT ROW")
}

fn caches(caches: &BTreeMap<String, CacheCounts>) -> Markup {
    html! {
        @if caches.is_empty() { (nothing("No lookup of a cached query or value yet.")) } @else {
            div.scroll { table {
                thead { tr { th { "cache" } th.number { "lookups" } th { "hits by tier" } th.number { "misses" } } }
                tbody { @for (name, counts) in caches { (cache(name, counts)) } }
            } }
        }
    }
}

fn cache(name: &str, counts: &CacheCounts) -> Markup {
    let hits: u64 = counts.hits.values().sum();
    let lookups = hits + counts.misses;

    html! {
        tr {
            td { (name) }
            td.number { (lookups) }
            td {
                @for (tier, hits) in &counts.hits {
                    span.kind { (tier) } " " (hits) " (" (percent(*hits, lookups)) ") "
                }
            }
            td.number { (counts.misses) " (" (percent(counts.misses, lookups)) ")" }
        }
    }
}

fn errors(errors: &[RecentError]) -> Markup {
    html! {
        @if errors.is_empty() { (nothing("No error yet.")) } @else {
            div.scroll { table {
                thead { tr { th { "time" } th { "call" } th { "kind" } th { "message" } } }
                tbody {
                    @for error in errors.iter().take(LIMIT) {
                        tr.error {
                            td.time { (ago(error.time)) }
                            td { (error.name) }
                            td { (error.kind) }
                            td { (error.message) }
                        }
                    }
                }
            } }
        }
    }
}

fn cost(report: &CostReport) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th { "resource" } th.number { "since the start" } th.number { "$" } th.number { "a month of this use" }
                th.number { "$" } th.number { "of the free plan" }
            } }
            tbody {
                @for line in &report.lines {
                    tr.error[line.free_ratio() >= WARNING] {
                        td { (line.resource.name()) }
                        td.number { (line.amount) }
                        td.number { (format!("{:.6}", line.dollars)) }
                        td.number { (line.monthly_amount) }
                        td.number { (format!("{:.2}", line.dollars_per_month)) }
                        td.number { (format!("{:.0} %", line.free_ratio() * 100.0)) }
                    }
                }
                tr.total {
                    td { "total, with the plan" }
                    td {}
                    td.number { (format!("{:.6}", report.dollars)) }
                    td {}
                    td.number { (format!("{:.2}", report.dollars_per_month)) }
                    td {}
                }
            }
        } }
        p.nothing {
            "Prices as of " (report.prices_as_of) ". They do not include storage, CPU time and the \
             duration of Durable Objects. The rows that D1 reads are lower bounds."
        }
    }
}
