//! D1: statements whose text depends on the arguments.

use std::sync::{Arc, Mutex};

use bindery::d1::Patch;
use bindery::observe::Event;

use crate::bindings::db::{
    LinksParams, LinksSort, LinksSortedSort, LinksStatus, UpdateLinkParams, query,
};
use crate::{Env, Outcome, same};

/// Returns the number of rows that D1 read for the last query. It is 0 natively.
pub fn rows_read(env: &Env) -> impl Fn() -> u64 {
    let read = Arc::new(Mutex::new(0));
    let observed = Arc::clone(&read);
    env.observe(move |event: &Event<'_>| {
        if let Ok(mut read) = observed.lock() {
            *read = event.measures.rows_read.unwrap_or(0);
        }
    });
    move || read.lock().map_or(u64::MAX, |read| *read)
}

fn page() -> LinksParams<'static> {
    LinksParams::new(1, LinksSort::CreatedAt.into(), 20)
}

/// The rows that D1 reads for a statement that is written by hand.
pub async fn read_by_hand(
    env: &Env,
    read: impl Fn() -> u64,
    sql: &'static str,
) -> bindery::Result<u64> {
    env.db.unchecked(sql).execute().await?;
    Ok(read())
}

/// A sort by an argument reads as many rows as `ORDER BY` with the column itself.
pub async fn sorts(env: Env) -> Outcome {
    env.db.fill_links().await?;
    let read = rows_read(&env);
    let first = |links: &[crate::bindings::db::Links]| links.first().map(|link| link.id);
    let by_hand = "SELECT id, title, clicks FROM links WHERE org = 1 ORDER BY created_at DESC \
                   LIMIT 20";
    let expected = read_by_hand(&env, &read, by_hand).await?;
    same!(expected <= 20, true);

    let newest = env.db.links(page()).await?;
    same!((first(&newest), newest.len()), (Some(1000), 20));
    same!(read(), expected);

    let sorted = |sort| env.db.links(LinksParams { sort, ..page() });
    same!(first(&sorted(LinksSort::CreatedAt.asc()).await?), Some(1));
    same!(read(), expected);
    same!(sorted(LinksSort::Clicks.asc()).await?[0].clicks, 0);
    same!(sorted(LinksSort::Clicks.into()).await?[0].clicks, 999);
    same!(read(), expected);
    Ok(())
}

/// A sort order can be absent if the CASE has an ELSE.
pub async fn sorts_or_not(env: Env) -> Outcome {
    env.db.fill_links().await?;
    let sorted = |sort| env.db.links_sorted(1, sort);

    same!(sorted(None).await?, [1, 2, 3]);
    same!(
        sorted(Some(LinksSortedSort::Title.into())).await?,
        [1, 10, 100]
    );
    same!(
        sorted(Some(LinksSortedSort::Title.desc())).await?,
        [999, 998, 997]
    );
    same!(
        sorted(Some(LinksSortedSort::Clicks.asc())).await?,
        [1000, 143, 286]
    );
    Ok(())
}

/// A filter reads as many rows as a plain comparison, and none of its own if it is absent.
pub async fn filters(env: Env) -> Outcome {
    env.db.fill_links().await?;
    let read = rows_read(&env);

    let done = LinksParams {
        status: Some(LinksStatus::Done),
        limit: 100,
        ..page()
    };
    let by_hand = "SELECT id, title, clicks FROM links WHERE org = 1 AND status = 'done' \
                   ORDER BY created_at DESC LIMIT 100";
    let expected = read_by_hand(&env, &read, by_hand).await?;
    same!(env.db.links(done).await?.len(), 20);
    same!(read(), expected);

    let both = LinksParams {
        status: Some(LinksStatus::Done),
        title: Some("link 100"),
        ..page()
    };
    same!(env.db.links(both).await?.len(), 1);

    let range = |from, to| LinksParams { from, to, ..page() };
    let by_hand = "SELECT id, title, clicks FROM links WHERE org = 1 \
                   AND created_at BETWEEN 5 AND 7 ORDER BY created_at DESC LIMIT 20";
    let expected = read_by_hand(&env, &read, by_hand).await?;
    same!(env.db.links(range(Some(5), Some(7))).await?.len(), 3);
    same!((read(), expected <= 4), (expected, true));
    same!(env.db.links(range(Some(5), None)).await?.len(), 20);

    same!(env.db.links_among(None, None).await?, [1, 2, 3, 4, 5]);
    same!(env.db.links_among(Some(&[7, 9]), None).await?, [7, 9]);
    same!(read() <= 8, true);
    same!(env.db.links_among(Some(&[7, 9]), Some(60)).await?, [9]);
    Ok(())
}

/// Inline queries have optional filters, too.
pub async fn inline_filters(env: Env) -> Outcome {
    env.db.fill_links().await?;
    let count = |title: Option<&'static str>, least: Option<i64>| {
        let found = query!(
            env.db,
            "SELECT count(*) AS n FROM links
             WHERE (:title IS NULL OR title = :title) AND (:least IS NULL OR clicks >= :least)",
            title,
            least
        );
        found.scalar().one()
    };
    same!(count(None, None).await?, 1000);
    same!(count(Some("link 7"), None).await?, 1);
    same!(count(Some("link 7"), Some(50)).await?, 0);
    same!(count(None, Some(990)).await?, 10);
    Ok(())
}

/// A patch sets the columns that are given, to NULL if that is asked for.
pub async fn patches(env: Env) -> Outcome {
    env.db.fill_links().await?;
    let update = |params| env.db.update_link(params);
    let row = |row: Option<crate::bindings::db::UpdateLink>| {
        row.map(|row| (row.title, row.note, row.clicks))
    };
    let unchanged = || UpdateLinkParams::new(5);

    let renamed = UpdateLinkParams {
        title: Some("new"),
        note: Patch::Set("n"),
        ..unchanged()
    };
    let expected = ("new".to_owned(), Some("n".to_owned()), 35);
    let read = rows_read(&env);
    let by_hand = "UPDATE links SET title = 'new', note = 'n' WHERE id = 5 \
                   RETURNING title, note, clicks";
    let by_hand = read_by_hand(&env, &read, by_hand).await?;
    same!(row(update(renamed).await?), Some(expected.clone()));
    same!(read(), by_hand);
    same!(row(update(unchanged()).await?), Some(expected));

    let cleared = UpdateLinkParams {
        note: Patch::Null,
        clicks: Some(7),
        ..unchanged()
    };
    same!(
        row(update(cleared).await?),
        Some(("new".to_owned(), None, 7))
    );
    same!(update(UpdateLinkParams::new(4040)).await?.is_none(), true);

    same!(env.db.touch_link(Patch::Keep, 5).await?.rows, 1);
    env.db.touch_link(Patch::Set("late"), 5).await?;
    let link = env.db.link_by_id(5).await?;
    same!((link.created_at, link.note.as_deref()), (7, Some("late")));
    Ok(())
}

/// Templates run in a batch.
pub async fn templates_in_a_batch(env: Env) -> Outcome {
    env.db.fill_links().await?;
    let rename = UpdateLinkParams {
        title: Some("first"),
        ..UpdateLinkParams::new(1)
    };
    let titled = LinksParams {
        title: Some("first"),
        ..page()
    };
    let (_, found, among) = env
        .db
        .batch((
            env.db.update_link(rename),
            env.db.links(titled),
            env.db.links_among(Some(&[2]), None),
        ))
        .await?;
    same!((found.len(), among), (1, vec![2]));
    Ok(())
}
