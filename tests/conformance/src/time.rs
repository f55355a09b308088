//! Time and random numbers.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use bindery::random;
use bindery::time::{self, Instant};

use crate::{Env, Outcome, same};

/// The clock runs, and a sleep takes its time.
pub async fn sleeps(_: Env) -> Outcome {
    let (start, before) = (Instant::now(), time::now());
    time::sleep(Duration::from_millis(30)).await;
    // The clock of Workers has milliseconds.
    let least = Duration::from_millis(29);
    same!(start.elapsed() >= least, true);
    same!(time::now().duration_since(before)? >= least, true);
    // 2026-01-01
    let year = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    same!(time::now() > year, true);
    same!((start + Duration::from_secs(60)).elapsed(), Duration::ZERO);
    Ok(())
}

/// Identifiers are unique, and those with a time are in its order.
pub async fn identifiers(_: Env) -> Outcome {
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        seen.insert(random::id()?);
        seen.insert(random::uuid_v4()?);
        seen.insert(random::uuid_v7()?);
    }
    same!(seen.len(), 300);

    let first = random::uuid_v7()?;
    time::sleep(Duration::from_millis(5)).await;
    same!(first < random::uuid_v7()?, true);
    same!(&first[14..15], "7");
    Ok(())
}
