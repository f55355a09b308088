//! D1: pages that continue after a row.

use bindery::ErrorKind;
use bindery::d1::{Cursor, Page, Pages};

use crate::bindings::db::MarkRow;
use crate::templates::{read_by_hand, rows_read};
use crate::{Env, Outcome, same};

/// Reads every page of `limit` rows.
async fn every_row<'a>(
    pages: impl Fn() -> Pages<'a, MarkRow>,
    limit: u32,
) -> bindery::Result<Vec<MarkRow>> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = pages().page(limit, after.as_ref()).await?;
        rows.extend(page.rows);
        match page.next {
            Some(cursor) => after = Some(cursor),
            None => return Ok(rows),
        }
    }
}

/// Each row is on one page, whatever the types and the directions of the order are.
pub async fn every_row_once(env: Env) -> Outcome {
    env.db.fill_marks().await?;
    let ascending = env.db.all_marks().await?;
    let mixed = env.db.marks_mixed().await?;
    same!(ascending.len(), 144);

    for limit in [1, 7, 143, 144, 145] {
        same!(every_row(|| env.db.mark_pages(), limit).await?, ascending);
        same!(every_row(|| env.db.mixed_pages(), limit).await?, mixed);
    }
    Ok(())
}

/// A page reads its own rows, the one after them, and the one that it continues after.
pub async fn read_only_their_rows(env: Env) -> Outcome {
    env.db.fill_links().await?;
    let read = rows_read(&env);
    let by_hand =
        "SELECT id, status FROM links WHERE org = 1 ORDER BY status DESC, id DESC LIMIT 21";
    let first = read_by_hand(&env, &read, by_hand).await?;
    same!(first <= 21, true);

    let (mut after, mut expected) = (None::<Cursor>, first);
    let mut ids = Vec::new();
    loop {
        let page = env.db.link_pages(1, None).page(20, after.as_ref()).await?;
        same!(read() <= expected, true);
        ids.extend(page.rows.iter().map(|link| link.id));
        match page.next {
            Some(next) => (after, expected) = (Some(next), first + 1),
            None => break,
        }
    }
    let done = (1..=20).rev().map(|number| number * 50);
    let open = (1..=1000).rev().filter(|id| id % 50 != 0);
    same!(ids, open.chain(done).collect::<Vec<i64>>());
    Ok(())
}

/// A page has filters, is part of a batch, and its cursor survives a request.
pub async fn in_requests(env: Env) -> Outcome {
    env.db.fill_links().await?;
    let first = env.db.link_pages(1, Some(990)).first(8).await?;
    same!(first.rows.len(), 8);
    let json = serde_json::to_value(&first).map_err(|error| error.to_string())?;
    same!(json["rows"][0]["id"], 999);

    let text = json["next"].as_str().unwrap_or_default();
    let cursor = Cursor::from(text);
    same!(Some(&cursor), first.next.as_ref());
    let second = env.db.link_pages(1, Some(990)).page(8, Some(&cursor));
    let (second, marks) = env.db.batch((second, env.db.mark_pages().first(2))).await?;
    let ids: Vec<i64> = second.rows.iter().map(|link| link.id).collect();
    same!((ids, second.next.is_none()), (vec![991, 990, 1000], true));
    same!(marks.rows.len(), 0);
    Ok(())
}

/// A limit of 0, and a cursor of another query.
pub async fn invalid_pages(env: Env) -> Outcome {
    let refused = |page: bindery::Result<Page<_>>| page.err().map(|error| error.kind());
    let of_links = |limit, cursor: &Cursor| env.db.link_pages(1, None).page(limit, Some(cursor));

    let none = env.db.link_pages(1, None).first(0).await;
    same!(refused(none), Some(ErrorKind::InvalidArgument));
    env.db.fill_marks().await?;
    let marks = env.db.mark_pages().first(1).await?;
    let cursor = marks.next.ok_or("there is a next page")?;
    let other = of_links(1, &cursor).await;
    same!(refused(other), Some(ErrorKind::InvalidArgument));
    let forged = Cursor::from("AAAA");
    let forged = of_links(1, &forged).await;
    same!(refused(forged), Some(ErrorKind::InvalidArgument));
    Ok(())
}
