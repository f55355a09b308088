//! Rows over four databases, to which a fifth is added while others write: 10,000, or 100,000 with
//!
//! ```sh
//! SHARD_ACCOUNTS=20000 cargo test --release -p conformance --test shards -- --nocapture
//! ```

#![expect(clippy::print_stdout, reason = "the figures of a long run")]

use std::collections::BTreeMap;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use bindery::{Error, Server, ServerOptions};
use conformance::bindings::shards::{AddEntriesParams, AddEntryParams};
use conformance::{App, Env, Outcome, same};
use futures_util::future::{join, join_all};

const ENTRIES_OF_EACH: usize = 4;
const WRITERS: usize = 4;

/// The number of accounts, each with its row and its entries.
fn accounts() -> usize {
    let variable = std::env::var("SHARD_ACCOUNTS").ok();
    variable
        .and_then(|number| number.parse().ok())
        .unwrap_or(2000)
}

fn account(number: usize) -> String {
    format!("account {number}")
}

/// Adds the accounts and their entries.
async fn fill(env: &Env) -> bindery::Result<()> {
    for account in (0..accounts()).map(account) {
        env.shards
            .shard(&account)
            .add_account(&account, "a name")
            .await?;
    }
    for (_, database) in env.shards.iter() {
        let accounts = database.account_ids().await?;
        let numbered = accounts.iter().flat_map(|account| {
            (0..ENTRIES_OF_EACH).map(move |number| (account, format!("{account}: {number}")))
        });
        let numbered: Vec<(&String, String)> = numbered.collect();
        let entries = numbered.iter().map(|(account, id)| AddEntriesParams {
            id,
            account,
            amount: 1,
        });
        database.add_entries(&entries.collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// Writes until the move ends. Returns the entries of each account that were acknowledged.
async fn write(env: Env, writer: usize, is_moving: Arc<AtomicBool>) -> Result<Written, Error> {
    let mut written = Written::new();
    for round in 0.. {
        let number = (round * 7919 + writer) % accounts();
        // Every fifth account is new.
        let account = match round % 5 {
            0 => format!("new {writer} {round}"),
            _ => account(number),
        };
        let shard = env.shards.shard(&account);
        if round % 5 == 0 {
            shard.add_account(&account, "new").await?;
        }
        let id = format!("written {writer} {round}");
        shard
            .add_entry(AddEntryParams::new(&id, &account, 2))
            .await?;
        written.entry(account).or_default().push(id);
        if round % 16 == 0 && !is_moving.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(written)
}

type Written = BTreeMap<String, Vec<String>>;

/// Polls a future until it has waited several times, and then drops it.
async fn at_most<F: Future + Unpin>(waits: u64, mut future: F) -> Option<F::Output> {
    let mut waited = 0;
    poll_fn(|context| match Pin::new(&mut future).poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if waited == waits => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

/// Moves every key. The mover is interrupted at any time, and sometimes another one starts.
async fn move_all(env: &Env) -> Result<(usize, usize), Error> {
    let (mut interrupted, mut refused) = (0, 0);
    for attempt in 0_u64.. {
        if attempt % 5 == 4 {
            let mover = || env.shards.mover().limit(300).into_future();
            let (first, second) = join(mover(), mover()).await;
            refused += usize::from(first.is_err()) + usize::from(second.is_err());
            continue;
        }
        match at_most(1 + attempt / 3, env.shards.mover().into_future()).await {
            None => interrupted += 1,
            Some(moved) => {
                if moved?.is_complete {
                    break;
                }
            }
        }
    }
    Ok((interrupted, refused))
}

/// Files, because a database in memory never lets other tasks run.
#[bindery::test]
async fn a_fifth_database_joins_while_others_write(_: Env) -> Outcome {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("shards");
    let _ = std::fs::remove_dir_all(&folder);
    let server = Server::<App>::start(ServerOptions::default().state(&folder)).await?;
    let env = server.env().clone();

    fill(&env).await?;
    let counts: Vec<i64> = env.shards.all(|shard| shard.count_entries()).await?;
    let expected = (accounts() * ENTRIES_OF_EACH) as i64;
    same!(counts.iter().sum::<i64>(), expected);
    let is_balanced = |count: &i64| (count - expected / 4).abs() < expected / 4 / 10;
    same!(
        (&counts, counts.iter().take(4).all(is_balanced)),
        (&counts, true)
    );
    println!("entries before: {counts:?}");

    let is_moving = Arc::new(AtomicBool::new(true));
    let writers = (0..WRITERS).map(|writer| {
        let write = write(env.clone(), writer, Arc::clone(&is_moving));
        tokio::spawn(write)
    });
    let writers: Vec<_> = writers.collect();
    let moved = move_all(&env).await;
    is_moving.store(false, Ordering::Relaxed);
    let mut written = Written::new();
    for result in join_all(writers).await {
        for (account, ids) in result?? {
            written.entry(account).or_default().extend(ids);
        }
    }
    let (interrupted, refused) = moved?;
    println!("interrupted {interrupted} times, refused {refused} times");
    same!(interrupted > 3, true);

    // Every account is where its key is, once, with every entry.
    let placed = env.shards.all(|shard| shard.sums()).await?;
    let counts: Vec<usize> = placed.iter().map(Vec::len).collect();
    println!(
        "accounts after: {counts:?}; {} accounts were written to",
        written.len()
    );
    let mut all: BTreeMap<String, i64> = BTreeMap::new();
    for sum in placed.into_iter().flatten() {
        same!(all.insert(sum.account_id.clone(), sum.count), None);
    }
    for number in 0..accounts() {
        let account = account(number);
        let of_writers = written.remove(&account).map_or(0, |ids| ids.len());
        let expected = (ENTRIES_OF_EACH + of_writers) as i64;
        same!((&account, all.remove(&account)), (&account, Some(expected)));
    }
    for (account, ids) in &written {
        same!(
            (account, all.remove(account)),
            (account, Some(ids.len() as i64))
        );
    }
    same!(all, BTreeMap::new());
    for number in (0..accounts()).step_by(97) {
        let account = account(number);
        let entries = env.shards.shard(&account).entries_of(&account).await?;
        same!(entries.len() >= ENTRIES_OF_EACH, true);
    }
    Ok(())
}
