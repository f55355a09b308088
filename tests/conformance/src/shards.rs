//! D1: several databases as one set.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bindery::ErrorKind;
use bindery::error::Constraint;
use futures_util::future::join;

use crate::bindings::shards::AddEntryParams;
use crate::{Env, Outcome, same};

/// The largest integer that a parameter can be.
const LARGE: i64 = (1 << 53) - 1;

/// The error of a call that must fail.
fn failure<T>(result: bindery::Result<T>) -> Result<bindery::Error, String> {
    result.err().ok_or_else(|| "the call must fail".to_owned())
}

/// The names of the accounts of a case.
fn keys(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("account {number}"))
        .collect()
}

async fn add_entry(env: &Env, key: &str, id: &str, amount: i64) -> bindery::Result<()> {
    let entry = AddEntryParams {
        payload: Some(&[0, 255, 7]),
        ..AddEntryParams::new(id, key, amount)
    };
    env.shards.shard(key).add_entry(entry).await?;
    Ok(())
}

/// Adds accounts with one entry each.
async fn fill(env: &Env, keys: &[String]) -> bindery::Result<()> {
    for key in keys {
        env.shards.shard(key).add_account(key, "a name").await?;
        add_entry(env, key, &format!("{key}: first"), LARGE).await?;
    }
    Ok(())
}

/// The accounts of each database.
async fn placed(env: &Env) -> bindery::Result<Vec<Vec<String>>> {
    env.shards.all(|shard| shard.account_ids()).await
}

/// Rows of a key are in one database, and the results of all are in their order.
pub async fn a_key_has_a_database(env: Env) -> Outcome {
    let keys = keys(50);
    fill(&env, &keys).await?;

    let names: Vec<&str> = env.shards.iter().map(|(name, _)| name).collect();
    same!(
        names,
        ["SHARD_0", "SHARD_1", "SHARD_2", "SHARD_3", "SHARD_4"]
    );
    same!(env.shards.len(), 5);
    let placed = placed(&env).await?;
    // The hash never changes.
    let counts: Vec<usize> = placed.iter().map(Vec::len).collect();
    same!(counts, [15, 11, 12, 12, 0]);
    let mut all = placed.concat();
    all.sort();
    let mut expected = keys.clone();
    expected.sort();
    same!(all, expected);

    for key in &keys {
        let shard = env.shards.shard(key);
        same!(shard.account_name(key).await?.as_deref(), Some("a name"));
        let (name, entries) = shard
            .batch((shard.account_name(key), shard.entries_of(key)))
            .await?;
        same!(name.as_deref(), Some("a name"));
        same!(entries.len(), 1);
    }
    // A key is its text.
    same!(env.shards.shard(1).account_name("1").await?, None);
    Ok(())
}

/// A query of a routed database fails as it does elsewhere.
pub async fn errors_of_shards(env: Env) -> Outcome {
    for key in keys(20) {
        let shard = env.shards.shard(&key);
        shard.add_account(&key, "a name").await?;
        let error = failure(shard.add_account(&key, "again").await)?;
        same!(error.kind(), ErrorKind::Constraint(Constraint::Unique));
        same!(error.query(), Some("add_account"));

        let batch = (shard.account_name(&key), shard.add_account(&key, "again"));
        let error = failure(shard.batch(batch).await)?;
        same!(error.kind(), ErrorKind::Constraint(Constraint::Unique));
        same!(error.batch_index(), Some(1));
    }
    let failing = env
        .shards
        .all(|shard| shard.add_account("everywhere", "a name"));
    same!(failing.await?.len(), 5);
    let failing = env
        .shards
        .all(|shard| shard.add_account("everywhere", "a name"));
    same!(failing.await.is_err(), true);
    Ok(())
}

/// Moves every key, some of them at once, as a cron would. Returns their number.
async fn move_in_parts(env: &Env, limit: u64) -> bindery::Result<u64> {
    let mut moved = 0;
    loop {
        let part = env.shards.mover().limit(limit).await?;
        moved += part.keys;
        if part.is_complete {
            return Ok(moved);
        }
    }
}

/// A batch runs in one database, so it cannot have queries of another key.
pub async fn batches_of_shards(env: Env) -> Outcome {
    let keys = keys(30);
    let first = env.shards.shard(&keys[0]);
    let mut refused = 0;
    for key in &keys[1..] {
        let shard = env.shards.shard(key);
        match first.batch(shard.add_account(key, "a name")).await {
            Ok(_) => same!(shard.account_name(key).await?.is_some(), true),
            Err(error) => {
                same!(error.kind(), ErrorKind::InvalidArgument);
                refused += 1;
            }
        }
    }
    same!(refused > 10, true);
    let error = failure(env.db.batch(first.add_account("a", "a name")).await)?;
    same!(
        error
            .message()
            .contains("the batch of DB has a query of SHARD_"),
        true
    );
    Ok(())
}

/// Rows move to the database that joins, with every bit of their values, and no other key moves.
pub async fn a_database_joins(env: Env) -> Outcome {
    let keys = keys(60);
    fill(&env, &keys).await?;
    for key in &keys {
        let (id, parent) = (format!("{key}: child"), format!("{key}: first"));
        let child = AddEntryParams {
            parent: Some(&parent),
            ..AddEntryParams::new(&id, key, -1)
        };
        env.shards.shard(key).add_entry(child).await?;
    }
    let before = placed(&env).await?;

    // In parts, as a cron would.
    let moved = move_in_parts(&env, 1).await?;
    let after = placed(&env).await?;
    same!(after[4].len() as u64, moved);
    same!(moved > 5, true);
    for (before, after) in before.iter().zip(&after).take(4) {
        same!(after.iter().all(|key| before.contains(key)), true);
    }
    same!(after.concat().len(), keys.len());

    for key in &keys {
        let entries = env.shards.shard(key).entries_of(key).await?;
        let [child, first] = entries.as_slice() else {
            return Err(format!("{key} has {} entries", entries.len()).into());
        };
        same!((child.amount, child.payload.as_deref()), (-1, None));
        same!(child.parent_id.as_deref(), Some(first.id.as_str()));
        same!(
            (first.amount, first.payload.as_deref()),
            (LARGE, Some(&[0, 255, 7][..]))
        );
    }

    let again = env.shards.mover().await?;
    same!((again.keys, again.rows, again.is_complete), (0, 0, true));
    // A new key goes to its final database at once.
    for key in (100..140).map(|number| format!("account {number}")) {
        env.shards.shard(&key).add_account(&key, "late").await?;
    }
    let late = placed(&env).await?;
    same!(late[4].len() > after[4].len(), true);
    same!(env.shards.mover().await?.keys, 0);
    Ok(())
}

/// No write is lost, and each is visible at once, while rows move.
pub async fn writes_while_rows_move(env: Env) -> Outcome {
    let keys = keys(40);
    fill(&env, &keys).await?;
    let is_moving = AtomicBool::new(true);

    let write = async {
        let mut written: BTreeMap<String, i64> = BTreeMap::new();
        let mut round = 0;
        while is_moving.load(Ordering::Relaxed) || round < 2 {
            for key in &keys {
                add_entry(&env, key, &format!("{key}: {round}"), 1).await?;
                *written.entry(key.clone()).or_default() += 1;
                let entries = env.shards.shard(key).entries_of(key).await?;
                same!(entries.len() as i64, 1 + written[key]);
            }
            let new = format!("new {round}");
            env.shards.shard(&new).add_account(&new, "new").await?;
            add_entry(&env, &new, &format!("{new}: 0"), 1).await?;
            written.insert(new, 0);
            round += 1;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(written)
    };
    let moving = async {
        let moved = move_in_parts(&env, 3).await;
        is_moving.store(false, Ordering::Relaxed);
        moved
    };
    let (written, moved) = join(write, moving).await;
    let (written, moved) = (written?, moved?);
    same!(moved > 3, true);

    for (key, count) in &written {
        let entries = env.shards.shard(key).entries_of(key).await?;
        same!((key, entries.len() as i64), (key, 1 + count));
    }
    let total: i64 = env
        .shards
        .all(|shard| shard.count_entries())
        .await?
        .into_iter()
        .sum();
    same!(total, written.values().map(|count| 1 + count).sum::<i64>());
    Ok(())
}

/// Rows of a key that will move are not cached, and those of the others are.
pub async fn cached_rows_of_shards(env: Env) -> Outcome {
    let keys = keys(12);
    fill(&env, &keys).await?;
    let minute = Duration::from_secs(60);
    let count = async |key: &String| -> bindery::Result<usize> {
        let shard = env.shards.shard(key);
        Ok(shard
            .entries_of(key)
            .cached(&env.cache, minute)
            .await?
            .len())
    };
    let add = async |key: &String, id: &str| {
        let shard = env.shards.shard(key);
        let entry = AddEntryParams::new(id, key, 1);
        let added = shard.add_entry(entry).invalidating(&env.cache).await;
        added.map(|_| ())
    };

    let mut uncached = Vec::new();
    for key in &keys {
        same!((key, count(key).await?), (key, 1));
        // A write of which the cache is not told.
        add_entry(&env, key, &format!("{key}: second"), 2).await?;
        if count(key).await? == 2 {
            uncached.push(key.clone());
        }
    }
    for key in &keys {
        add(key, &format!("{key}: third")).await?;
        same!((key, count(key).await?), (key, 3));
    }
    same!(env.shards.mover().await?.is_complete, true);
    uncached.sort();
    same!(
        (&uncached, uncached.len() > 1),
        (&placed(&env).await?[4], true)
    );
    for key in &keys {
        same!((key, count(key).await?), (key, 3));
        add(key, &format!("{key}: fourth")).await?;
        same!((key, count(key).await?), (key, 4));
    }
    Ok(())
}

/// A key whose rows cannot be moved stays usable where it is, and the error says why.
pub async fn rows_that_cannot_be_moved(env: Env) -> Outcome {
    let keys = keys(30);
    fill(&env, &keys).await?;
    // The joining database has rows of the keys that move.
    let mut joining = env.shards.iter().skip(4).map(|(_, database)| database);
    let joining = joining.next().ok_or("five databases")?;
    for key in &keys {
        joining.add_account(key, "in the way").await?;
    }
    let error = failure(env.shards.mover().await)?;
    same!(
        error
            .to_string()
            .contains("the new database has rows of these keys already"),
        true
    );
    for key in &keys {
        let name = env.shards.shard(key).account_name(key).await?;
        same!(name.as_deref(), Some("a name"));
        same!(
            joining.account_name(key).await?.as_deref(),
            Some("in the way")
        );
        joining.remove_account(key).await?;
    }

    // It has rows with the same primary keys.
    joining.add_account("another", "a name").await?;
    for key in &keys {
        let id = format!("{key}: first");
        joining
            .add_entry(AddEntryParams::new(&id, "another", 1))
            .await?;
    }
    let error = failure(env.shards.mover().await)?;
    same!(error.kind(), ErrorKind::Constraint(Constraint::Unique));
    for key in &keys {
        same!(env.shards.shard(key).entries_of(key).await?.len(), 1);
        same!(joining.account_name(key).await?, None);
    }
    same!(joining.count_entries().await?, 30);
    joining.remove_account("another").await?;

    // A row that is not in the database of its key.
    for (_, database) in env.shards.iter().take(4) {
        database.add_account("everywhere", "a name").await?;
    }
    let error = failure(env.shards.mover().await)?;
    let expected = "has rows of keys that belong to SHARD_";
    same!(error.to_string().contains(expected), true);
    for (_, database) in env.shards.iter().take(4) {
        same!(database.remove_account("everywhere").await?.rows, 1);
    }

    // A row of another key refers to a row that moves, and would be deleted with it.
    let parents = placed(&env).await?.concat();
    for key in &parents {
        let (id, parent) = (format!("child of {key}"), format!("{key}: first"));
        let child = AddEntryParams {
            parent: Some(&parent),
            ..AddEntryParams::new(&id, "someone", 1)
        };
        // Only where the account of the child is.
        let databases = env.shards.all(|shard| shard.account_ids()).await?;
        let names = env.shards.iter().map(|(_, database)| database);
        for (database, ids) in names.zip(databases) {
            if ids.contains(key) {
                if database.account_name("someone").await?.is_none() {
                    database.add_account("someone", "a name").await?;
                }
                database.add_entry(child.clone()).await?;
            }
        }
    }
    let error = failure(env.shards.mover().await)?;
    let expected = "a row of another key in `entries` refers to `entries`";
    if !error.to_string().contains(expected) {
        return Err(error.into());
    }
    for key in &keys {
        let entries = env.shards.shard(key).entries_of(key).await?;
        same!(entries.len(), 1);
    }
    Ok(())
}
