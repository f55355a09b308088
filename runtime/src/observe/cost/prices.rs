//! What the platform bills, and what it costs.

use std::collections::BTreeMap;

use serde::Serialize;

/// The page that a price comes from, relative to the documentation.
const DOCS: &str = "https://developers.cloudflare.com";

/// Something that the platform bills for each use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resource {
    /// Requests to the worker.
    WorkerRequests,
    /// Keys that are read from KV.
    KvReads,
    /// Keys that are written to KV.
    KvWrites,
    /// Keys that are deleted from KV.
    KvDeletes,
    /// Pages of keys that are listed from KV.
    KvLists,
    /// Rows that D1 reads.
    D1RowsRead,
    /// Rows that D1 writes.
    D1RowsWritten,
    /// Operations of R2 that change or list: put, copy, list and the parts of an upload.
    R2ClassA,
    /// Operations of R2 that read: get and head.
    R2ClassB,
    /// Operations of queues: each 64 KB of a message is written, read and deleted.
    QueueOperations,
    /// Requests to Durable Objects.
    DurableObjectRequests,
    /// Data points of Analytics Engine.
    AnalyticsPoints,
}

/// The time for which an allowance counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day in UTC.
    Day,
    /// 30 days.
    Month,
}

impl Period {
    /// Returns `in a day` or `in 30 days`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Day => "in a day",
            Self::Month => "in 30 days",
        }
    }
}

impl Resource {
    /// Every resource.
    pub const ALL: [Self; 12] = [
        Self::WorkerRequests,
        Self::KvReads,
        Self::KvWrites,
        Self::KvDeletes,
        Self::KvLists,
        Self::D1RowsRead,
        Self::D1RowsWritten,
        Self::R2ClassA,
        Self::R2ClassB,
        Self::QueueOperations,
        Self::DurableObjectRequests,
        Self::AnalyticsPoints,
    ];

    /// Returns the name, such as `KV writes`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WorkerRequests => "Worker requests",
            Self::KvReads => "KV reads",
            Self::KvWrites => "KV writes",
            Self::KvDeletes => "KV deletes",
            Self::KvLists => "KV lists",
            Self::D1RowsRead => "D1 rows read",
            Self::D1RowsWritten => "D1 rows written",
            Self::R2ClassA => "R2 class A operations",
            Self::R2ClassB => "R2 class B operations",
            Self::QueueOperations => "queue operations",
            Self::DurableObjectRequests => "Durable Object requests",
            Self::AnalyticsPoints => "Analytics Engine data points",
        }
    }

    /// Returns what the free plan allows.
    #[must_use]
    pub fn free_allowance(self) -> (u64, Period) {
        match self {
            Self::KvWrites | Self::KvDeletes | Self::KvLists => (1000, Period::Day),
            Self::QueueOperations => (10_000, Period::Day),
            Self::WorkerRequests
            | Self::KvReads
            | Self::D1RowsWritten
            | Self::DurableObjectRequests
            | Self::AnalyticsPoints => (100_000, Period::Day),
            Self::D1RowsRead => (5_000_000, Period::Day),
            Self::R2ClassA => (1_000_000, Period::Month),
            Self::R2ClassB => (10_000_000, Period::Month),
        }
    }

    /// Returns the page of the documentation with the price.
    #[must_use]
    pub fn page(self) -> String {
        let path = match self {
            Self::WorkerRequests => "workers/platform/pricing",
            Self::KvReads | Self::KvWrites | Self::KvDeletes | Self::KvLists => {
                "kv/platform/pricing"
            }
            Self::D1RowsRead | Self::D1RowsWritten => "d1/platform/pricing",
            Self::R2ClassA | Self::R2ClassB => "r2/pricing",
            Self::QueueOperations => "queues/platform/pricing",
            Self::DurableObjectRequests => "durable-objects/platform/pricing",
            Self::AnalyticsPoints => "analytics/analytics-engine/pricing",
        };
        format!("{DOCS}/{path}/")
    }
}

/// The price of a resource in the paid plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Price {
    /// The US dollars for a million uses.
    pub dollars_per_million: f64,
    /// The uses that a month includes.
    pub included: u64,
}

/// The prices of the paid plan.
///
/// They do not contain storage, CPU time, and the duration of Durable Objects, which calls do not
/// show.
///
/// # Examples
/// ```
/// use bindery::observe::{Price, Prices, Resource};
///
/// let contract = Price { dollars_per_million: 0.2, included: 50_000_000 };
/// let prices = Prices::default().with(Resource::WorkerRequests, contract);
/// assert_eq!(prices.as_of(), "2026-11");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    prices: BTreeMap<Resource, Price>,
    dollars_per_month: f64,
}

impl Default for Prices {
    /// The prices that Cloudflare documents, at the time that [`as_of`](Self::as_of) returns.
    fn default() -> Self {
        let price = |dollars_per_million, included| Price {
            dollars_per_million,
            included,
        };
        let prices = Resource::ALL.map(|resource| {
            let price = match resource {
                Resource::WorkerRequests => price(0.30, 10_000_000),
                Resource::KvReads => price(0.50, 10_000_000),
                Resource::KvWrites | Resource::KvDeletes | Resource::KvLists => {
                    price(5.00, 1_000_000)
                }
                Resource::D1RowsRead => price(0.001, 25_000_000_000),
                Resource::D1RowsWritten => price(1.00, 50_000_000),
                Resource::R2ClassA => price(4.50, 1_000_000),
                Resource::R2ClassB => price(0.36, 10_000_000),
                Resource::QueueOperations => price(0.40, 1_000_000),
                Resource::DurableObjectRequests => price(0.15, 1_000_000),
                Resource::AnalyticsPoints => price(0.25, 10_000_000),
            };
            (resource, price)
        });

        Self {
            prices: prices.into(),
            dollars_per_month: 5.0,
        }
    }
}

impl Prices {
    /// The month in which the default prices were read.
    #[must_use]
    pub fn as_of(&self) -> &'static str {
        "2026-11"
    }

    /// Replaces the price of a resource.
    #[must_use]
    pub fn with(mut self, resource: Resource, price: Price) -> Self {
        self.prices.insert(resource, price);
        self
    }

    /// Replaces the monthly price of the plan.
    #[must_use]
    pub fn plan(mut self, dollars_per_month: f64) -> Self {
        self.dollars_per_month = dollars_per_month;
        self
    }

    /// Returns the price of a resource.
    #[must_use]
    pub fn of(&self, resource: Resource) -> Price {
        let free = Price {
            dollars_per_million: 0.0,
            included: 0,
        };
        self.prices.get(&resource).copied().unwrap_or(free)
    }

    pub(super) fn dollars_per_month(&self) -> f64 {
        self.dollars_per_month
    }
}
