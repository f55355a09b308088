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

use bindery::__private::Connector;
use bindery::d1::Shards;
use bindery::{Environment, Error, Server, ServerOptions};
use conformance::bindings::Shards as Set;
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

/// The columns with the key.
type Key = &'static [(&'static str, &'static str)];

const ACCOUNTS: Key = &[("accounts", "id"), ("entries", "account_id")];
/// The conformance suite does not use the table.
const VISITS: Key = &[("visits", "account")];

/// The set of the conformance suite with other databases.
fn set(
    env: &Env,
    members: &[&'static str],
    joining: &[&'static str],
    key: Key,
) -> Result<Shards<Set>, Error> {
    let mut connector = Connector::new(env.backend());
    let shards = connector.open_shards(members, joining, key);
    shards.ok_or_else(|| connector.error())
}

/// Moves every key, some of them at once. Returns the number of movers.
async fn move_in_parts(set: &Shards<Set>, limit: u64) -> Result<u32, Error> {
    for movers in 1.. {
        if set.mover().limit(limit).await?.is_complete {
            return Ok(movers);
        }
    }
    Ok(0)
}

/// A set moves in the same way to two databases, and knows which were joining.
#[bindery::test]
async fn two_databases_join(env: Env) -> Outcome {
    let before = set(&env, &["SHARD_0", "SHARD_1", "SHARD_2"], &[], ACCOUNTS)?;
    let during = set(
        &env,
        &["SHARD_0", "SHARD_1", "SHARD_2"],
        &["SHARD_3", "SHARD_4"],
        ACCOUNTS,
    )?;
    let after = set(
        &env,
        &["SHARD_0", "SHARD_1", "SHARD_2", "SHARD_3", "SHARD_4"],
        &[],
        ACCOUNTS,
    )?;
    let keys: Vec<String> = (0..300).map(account).collect();
    for key in &keys {
        before.shard(key).add_account(key, "a name").await?;
    }
    same!(during.mover().limit(10).await?.keys, 10);

    // Others that are joining would look for the rows elsewhere.
    for joining in [&["SHARD_3"][..], &["SHARD_4"], &["SHARD_4", "SHARD_3"]] {
        let other = set(&env, &["SHARD_0", "SHARD_1", "SHARD_2"], joining, ACCOUNTS)?;
        let error = other.mover().await.err().map(|error| error.to_string());
        let expected = "SHARD_3 SHARD_4 was joining the set before";
        same!(error.is_some_and(|error| error.contains(expected)), true);
    }
    for key in &keys {
        same!(during.shard(key).account_name(key).await?.is_some(), true);
    }

    same!(move_in_parts(&during, 25).await? > 2, true);
    for key in &keys {
        same!(during.shard(key).account_name(key).await?.is_some(), true);
        same!(after.shard(key).account_name(key).await?.is_some(), true);
    }
    let counts: Vec<i64> = after.all(|shard| shard.count_accounts()).await?;
    same!(counts.iter().sum::<i64>(), 300);
    same!(
        (&counts, counts.iter().all(|count| *count > 40)),
        (&counts, true)
    );
    same!(after.mover().await?.is_complete, true);
    Ok(())
}

/// More keys than a page, of integers and texts, which a mover does not read again.
#[bindery::test]
async fn a_mover_continues_where_the_one_before_stopped(env: Env) -> Outcome {
    const KEYS: i64 = 26_000;

    let members = ["SHARD_0", "SHARD_1"];
    let before = set(&env, &members, &[], VISITS)?;
    let during = set(&env, &members, &["SHARD_2"], VISITS)?;
    // Most of them are not in the order of their texts.
    let accounts = -9000..KEYS - 9000;
    for account in accounts.clone() {
        before.shard(account).add_visit(account, "/").await?;
    }

    let of_first = async |sql: &'static str| {
        let mut databases = during.iter().map(|(_, database)| database);
        let database = databases.next().ok_or("three databases")?;
        let text = database.unchecked(sql).all::<Text>().await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(text)
    };
    let read = "SELECT owner AS text FROM _bindery_moves WHERE state = 'read'";
    same!(during.mover().limit(2000).await?.is_complete, false);
    let first = of_first(read).await?;
    // The second page was not moved completely.
    let [Text { text }] = first.as_slice() else {
        return Err(format!("{} marks", first.len()).into());
    };
    same!((500..1500).contains(&text.parse::<i64>()?), true);
    same!(move_in_parts(&during, 2000).await? > 3, true);
    same!(of_first(read).await?.len(), 0);

    let mut all = Vec::new();
    for accounts in during.all(|shard| shard.visited_accounts()).await? {
        same!(accounts.len() as i64 > KEYS / 4, true);
        all.extend(accounts);
    }
    all.sort_unstable();
    same!(all == accounts.collect::<Vec<_>>(), true);
    for account in [-9000, -1, 0, 1, 9, 10, 12_345, 16_999] {
        let shard = during.shard(account);
        let pages = shard.unchecked("SELECT page AS text FROM visits WHERE account = ?1");
        same!(pages.bind(account).all::<Text>().await?.len(), 1);
    }
    Ok(())
}

/// Keys that are created behind the mark of a mover move in a pass before the database is closed,
/// so that no mover moves many keys at once.
#[bindery::test]
async fn keys_that_are_created_behind_the_mark(env: Env) -> Outcome {
    let during = set(&env, &["SHARD_0"], &["SHARD_1"], VISITS)?;
    for account in 0..3000 {
        during.shard(account).add_visit(account, "/").await?;
    }
    let (mut created, mut largest) = (0, 0);
    loop {
        // One page is 10 keys.
        let moved = during.mover().limit(60).page_keys(10).await?;
        largest = largest.max(moved.keys);
        if moved.is_complete {
            break;
        }
        if created < 1500 {
            for _ in 0..50 {
                created += 1;
                during.shard(-created).add_visit(-created, "/").await?;
            }
        }
    }
    same!(created, 1500);
    same!((largest, largest < 180), (largest, true));
    let visited = during.all(|shard| shard.visited_accounts()).await?;
    same!(visited.iter().map(Vec::len).sum::<usize>(), 4500);
    for account in -created..3000 {
        let shard = during.shard(account);
        let pages = shard.unchecked("SELECT page AS text FROM visits WHERE account = ?1");
        same!(
            (account, pages.bind(account).all::<Text>().await?.len()),
            (account, 1)
        );
    }
    Ok(())
}

/// Rows that a trigger of the new database does not let in stay where they are.
#[bindery::test]
async fn a_trigger_skips_rows(env: Env) -> Outcome {
    let keys: Vec<String> = (0..40).map(account).collect();
    for key in &keys {
        env.shards.shard(key).add_account(key, "a name").await?;
    }
    let mut joining = env.shards.iter().skip(4).map(|(_, database)| database);
    let joining = joining.next().ok_or("five databases")?;
    let skip = "CREATE TRIGGER skip BEFORE INSERT ON accounts BEGIN SELECT RAISE(IGNORE); END";
    joining.unchecked(skip).execute().await?;

    let error = env
        .shards
        .mover()
        .await
        .err()
        .map(|error| error.to_string());
    let expected = "cannot move rows: not every row could be inserted";
    same!(error.is_some_and(|error| error.contains(expected)), true);
    for key in &keys {
        same!(
            env.shards.shard(key).account_name(key).await?.is_some(),
            true
        );
    }
    joining.unchecked("DROP TRIGGER skip").execute().await?;
    same!(env.shards.mover().await?.is_complete, true);
    Ok(())
}

/// A mover that continues after another one has run changes nothing. Files, as below.
#[bindery::test]
async fn a_mover_that_another_one_has_replaced(_: Env) -> Outcome {
    let keys: Vec<String> = (0..20).map(account).collect();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("replaced");
    let mut refused = 0;
    for waits in (0..60).step_by(3) {
        let _ = std::fs::remove_dir_all(&folder);
        let server = Server::<App>::start(ServerOptions::default().state(&folder)).await?;
        let env = server.env().clone();
        for key in &keys {
            env.shards.shard(key).add_account(key, "a name").await?;
        }

        let mut first = env.shards.mover().into_future();
        let ended = at_most(waits, &mut first).await.is_some();
        // All that the second one does is visible to the first one.
        same!(env.shards.mover().await?.is_complete, true);
        if !ended {
            match first.await {
                // It had not started, or sent its last statement before.
                Ok(moved) => same!((waits, moved.is_complete), (waits, true)),
                Err(error) => {
                    let message = error.to_string();
                    same!(
                        (&message, message.contains("another mover has started")),
                        (&message, true)
                    );
                    refused += 1;
                }
            }
        }
        for key in &keys {
            let name = env.shards.shard(key).account_name(key).await?;
            same!((waits, name.is_some()), (waits, true));
        }
        same!(env.shards.mover().await?.keys, 0);
        server.shutdown().await;
    }
    same!((refused, refused > 2), (refused, true));
    Ok(())
}

#[derive(bindery::Row)]
struct Text {
    text: String,
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
        // Every fifth account is new: before all others in their order, or after them.
        let account = match round % 10 {
            0 => format!("a new {writer} {round}"),
            5 => format!("new {writer} {round}"),
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
        // And where a query looks for it.
        let entries = env.shards.shard(account).entries_of(account).await?;
        same!((account, entries.len()), (account, ids.len()));
    }
    same!(all, BTreeMap::new());
    for number in (0..accounts()).step_by(97) {
        let account = account(number);
        let entries = env.shards.shard(&account).entries_of(&account).await?;
        same!(entries.len() >= ENTRIES_OF_EACH, true);
    }
    Ok(())
}
