//! D1: what it reports of a statement besides the rows.

use bindery::d1::Meta;

use crate::{Env, Outcome, same};

/// The counts of a statement: natively those of rows in scans and in tables, on Workers all.
fn counts(meta: &Meta) -> (u64, u64) {
    let (read, written) = (meta.rows_read, meta.rows_written);
    (read.unwrap_or(u64::MAX), written.unwrap_or(u64::MAX))
}

fn both<T>(native: T, workers: T) -> T {
    if cfg!(target_arch = "wasm32") {
        workers
    } else {
        native
    }
}

/// The counts of single statements.
pub async fn reported(env: Env) -> Outcome {
    env.db.fill_links().await?;
    for (sql, native, workers) in [
        (
            "SELECT id FROM links WHERE note = 'x'",
            (1000, 0),
            (1000, 0),
        ),
        ("SELECT sum(clicks) FROM links", (1000, 0), (1000, 0)),
        ("SELECT id FROM links WHERE id = 7", (1, 0), (1, 0)),
        ("SELECT id FROM links LIMIT 5", (5, 0), (5, 0)),
        ("SELECT count(*) FROM links", (1, 0), (1000, 0)),
        (
            "SELECT title FROM links ORDER BY title LIMIT 5",
            (1000, 0),
            (2000, 0),
        ),
        ("UPDATE links SET title = 'x' WHERE id < 4", (0, 3), (4, 3)),
        (
            "UPDATE links SET status = 'done' WHERE id < 4",
            (0, 3),
            (4, 6),
        ),
        (
            "INSERT INTO users (email) VALUES ('a'), ('b')",
            (0, 2),
            (0, 4),
        ),
        ("DELETE FROM links WHERE id < 4", (0, 3), (4, 3)),
    ] {
        let done = env.db.unchecked(sql).execute().with_meta().await?;
        same!((sql, counts(&done.meta)), (sql, both(native, workers)));
        same!(done.meta.changes, done.output.rows);
        same!(done.meta.duration.is_some(), true);
        same!(done.meta.size_after.is_some(), cfg!(target_arch = "wasm32"));
    }
    Ok(())
}

/// A query of rows, and the queries of a batch.
pub async fn of_queries(env: Env) -> Outcome {
    env.db.fill_links().await?;
    let link = env.db.link_by_id(7).with_meta().await?;
    same!(
        (link.output.title.is_empty(), link.meta.rows_read),
        (false, Some(1))
    );

    let done = env.db.note("a", 1).with_meta().await?;
    same!(
        (done.output.rows, done.meta.last_row_id),
        (1, done.output.last_row_id)
    );

    let queries = (
        env.db.noted().with_meta(),
        env.db.note("b", 1),
        env.db.noted(),
    );
    let (before, _, after) = env.db.batch(queries).await?;
    same!((before.output.len(), before.meta.rows_read), (1, Some(1)));
    same!(after.len(), 2);
    Ok(())
}
