//! The cost of the calls so far.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::prices::{Period, Resource};

/// The seconds of the month that prices are for.
pub(super) const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The cost of the calls that a [`Cost`](super::Cost) has counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CostReport {
    /// The resources that were used.
    pub lines: Vec<CostLine>,
    /// The US dollars for all of them, as if nothing were included in the plan.
    pub dollars: f64,
    /// The US dollars for a month with the same use, with the plan and what it includes.
    pub dollars_per_month: f64,
    /// The time since the start.
    pub elapsed: Duration,
    /// The month in which the prices were read.
    pub prices_as_of: &'static str,
}

/// The use of one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CostLine {
    /// The resource.
    pub resource: Resource,
    /// How often it was used.
    pub amount: u64,
    /// The US dollars for the amount.
    pub dollars: f64,
    /// How often it is used in a month with the same use.
    pub monthly_amount: u64,
    /// The US dollars of a month, for what the plan does not include.
    pub dollars_per_month: f64,
    /// What the free plan allows, and for which time.
    pub free_allowance: (u64, Period),
}

impl CostLine {
    /// Returns the part of the free allowance that the same use needs. 1 is all of it.
    #[must_use]
    pub fn free_ratio(&self) -> f64 {
        let (allowed, period) = self.free_allowance;
        let days = match period {
            Period::Day => 30.0,
            Period::Month => 1.0,
        };
        self.monthly_amount as f64 / (allowed as f64 * days)
    }
}

/// The report as a table.
impl fmt::Display for CostReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        writeln!(
            formatter,
            "{:29} {:>12} {:>12} {:>14} {:>10} {:>6}",
            "in",
            format!("{seconds:.0} s"),
            "$",
            "a month",
            "$",
            "free"
        )?;

        for line in &self.lines {
            writeln!(
                formatter,
                "{:29} {:>12} {:>12.6} {:>14} {:>10.2} {:>5.0}%",
                line.resource.name(),
                line.amount,
                line.dollars,
                line.monthly_amount,
                line.dollars_per_month,
                line.free_ratio() * 100.0
            )?;
        }
        let (total, month) = (self.dollars, self.dollars_per_month);
        write!(
            formatter,
            "{:29} {:>12} {total:>12.6} {:>14} {month:>10.2}",
            "total, with the plan", "", ""
        )
    }
}
