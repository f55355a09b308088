//! The cost of calls, by a table of prices.

mod prices;
mod report;
mod usage;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use super::{Event, Observer};
use crate::backend::log_line;
use crate::time;

pub use prices::{Period, Price, Prices, Resource};
use report::MONTH;
pub use report::{CostLine, CostReport};

/// The seconds of a day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts what calls use, and what that costs.
///
/// It is an observer, and its clones share their counts. On Workers each instance of the worker has
/// its own counts, so export them: the sum of all instances is what the platform bills. Natively it
/// estimates the cost before a deployment. The rows that D1 reads are then
/// [lower bounds](crate::d1::Meta).
///
/// # Examples
/// ```
/// # struct Env; impl Env { fn observe(&self, _: impl bindery::observe::Observer) {} }
/// use bindery::observe::{Cost, Prices};
///
/// fn start(env: &Env) {
///     let cost = Cost::new(Prices::default()).warn_at(0.8);
///     env.observe(cost.clone());
///     println!("{}", cost.report());
/// }
/// ```
#[derive(Clone)]
pub struct Cost(Arc<Inner>);

struct Inner {
    prices: Prices,
    /// The part of the free allowance at which a warning is due, and what receives it.
    warning: OnceLock<(f64, Warn)>,
    start: time::Instant,
    /// The amounts, in the order of `Resource::ALL`.
    amounts: [AtomicU64; Resource::ALL.len()],
    budget: Mutex<Budget>,
}

/// A function that receives warnings.
type Warn = Box<dyn Fn(&BudgetWarning) + Send + Sync>;

/// The use of a resource that comes close to what the free plan allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetWarning {
    /// The resource.
    pub resource: Resource,
    /// Its use in the current period.
    pub used: u64,
    /// What the free plan allows in the period.
    pub allowed: u64,
    /// The period.
    pub period: Period,
}

impl fmt::Display for BudgetWarning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { used, allowed, .. } = self;
        let (name, period) = (self.resource.name(), self.period.name());
        let percent = *used as f64 / *allowed as f64 * 100.0;
        write!(
            formatter,
            "{used} {name} are {percent:.0} % of the {allowed} that the free plan allows {period}"
        )
    }
}

/// The use in the current period, and whether it was warned of.
#[derive(Default)]
struct Budget {
    /// The number of the period, its amount, and whether the warning was written.
    periods: [(u64, u64, bool); Resource::ALL.len()],
}

impl fmt::Debug for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cost").finish_non_exhaustive()
    }
}

impl Cost {
    /// Counts from now.
    #[must_use]
    pub fn new(prices: Prices) -> Self {
        Self(Arc::new(Inner {
            prices,
            warning: OnceLock::new(),
            start: time::Instant::now(),
            amounts: Default::default(),
            budget: Mutex::default(),
        }))
    }

    /// Writes a warning to the log when the use of a resource reaches a part of what the free plan
    /// allows, such as 0.8, once in each period.
    ///
    /// It sees the calls of this process or instance only, from now on.
    #[must_use]
    pub fn warn_at(self, part: f64) -> Self {
        self.warn_with(part, |warning| log_line(&format!("warning: {warning}")))
    }

    /// Calls a function with the warnings of [`warn_at`](Self::warn_at). A second function is
    /// ignored.
    #[must_use]
    pub fn warn_with(
        self,
        part: f64,
        warn: impl Fn(&BudgetWarning) + Send + Sync + 'static,
    ) -> Self {
        let _ = self.0.warning.set((part, Box::new(warn)));
        self
    }

    /// Returns how often a resource was used.
    #[must_use]
    pub fn amount(&self, resource: Resource) -> u64 {
        self.0.amounts[resource as usize].load(Ordering::Relaxed)
    }

    /// Returns the cost of the calls so far.
    #[must_use]
    pub fn report(&self) -> CostReport {
        let elapsed = self.0.start.elapsed();
        // On Workers the clock can stand still.
        let months = elapsed.max(Duration::from_secs(1)).as_secs_f64() / MONTH.as_secs_f64();
        let lines = Resource::ALL.into_iter().filter_map(|resource| {
            let amount = self.amount(resource);
            let price = self.0.prices.of(resource);
            let dollars = |amount: f64| amount / 1e6 * price.dollars_per_million;
            let monthly_amount = amount as f64 / months;
            let billed = (monthly_amount - price.included as f64).max(0.0);
            (amount > 0).then(|| CostLine {
                resource,
                amount,
                dollars: dollars(amount as f64),
                monthly_amount: monthly_amount as u64,
                dollars_per_month: dollars(billed),
                free_allowance: resource.free_allowance(),
            })
        });

        let lines: Vec<CostLine> = lines.collect();
        let month: f64 = lines.iter().map(|line| line.dollars_per_month).sum();
        CostReport {
            dollars: lines.iter().map(|line| line.dollars).sum(),
            dollars_per_month: month + self.0.prices.dollars_per_month(),
            lines,
            elapsed,
            prices_as_of: self.0.prices.as_of(),
        }
    }

    /// Adds to the current period, and warns once if it reaches the part.
    fn budget(&self, resource: Resource, amount: u64, (part, warn): &(f64, Warn)) {
        let (allowed, period) = resource.free_allowance();
        let length = match period {
            Period::Day => DAY,
            Period::Month => MONTH,
        };
        let now = time::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let number = now.as_secs() / length.as_secs();

        let mut budget = self.0.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let (current, used, warned) = &mut budget.periods[resource as usize];
        if *current != number {
            (*current, *used, *warned) = (number, 0, false);
        }
        *used = used.saturating_add(amount);
        if *warned || (*used as f64) < allowed as f64 * part {
            return;
        }

        *warned = true;
        let used = *used;
        drop(budget);
        warn(&BudgetWarning {
            resource,
            used,
            allowed,
            period,
        });
    }
}

impl Observer for Cost {
    fn record(&self, event: &Event<'_>) {
        usage::each(event, |resource, amount| {
            self.0.amounts[resource as usize].fetch_add(amount, Ordering::Relaxed);
            if let Some(warning) = self.0.warning.get().filter(|_| amount > 0) {
                self.budget(resource, amount, warning);
            }
        });
    }
}
