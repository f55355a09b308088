//! Batches: their shapes, their transaction, and the query that an error names.

use std::sync::{Arc, Mutex};

use bindery::d1::{Exec, Query};
use bindery::error::Constraint;
use bindery::observe::Event;
use bindery::{Error, ErrorKind};

use crate::bindings::db::{AddLooseParams, AddUserParams};
use crate::{Env, Outcome, same};

/// Whether the backend knows which query of a batch SQLite has rejected. D1 does not report it.
const KNOWS_THE_QUERY: bool = cfg!(not(target_arch = "wasm32"));

/// The name, the position and the kind of a failed query.
fn failed(error: &Error) -> (Option<&'static str>, Option<usize>, ErrorKind) {
    (error.query(), error.batch_index(), error.kind())
}

/// A batch without queries does nothing.
pub async fn empty_batches(env: Env) -> Outcome {
    let none = Vec::<Query<'_, Exec>>::new;
    same!(env.db.batch(none()).await?.len(), 0);
    let (left, right) = env.db.batch((none(), vec![none(), none()])).await?;
    same!((left.len(), right.len()), (0, 2));
    Ok(())
}

/// A batch is a query, or a tuple or a `Vec` of batches.
pub async fn shapes(env: Env) -> Outcome {
    let db = &env.db;
    same!(db.batch(db.rename(None, "nobody")).await?.rows, 0);

    let note = |body: &'static str| db.note(body, 1);
    let (first, noted, (second, all)) = db
        .batch((
            note("a"),
            vec![note("b"), note("c")],
            (note("d"), db.noted()),
        ))
        .await?;
    same!((first.rows, second.rows), (1, 1));
    let ids: Vec<i64> = noted.iter().map(|changes| changes.last_row_id).collect();
    same!(ids, [first.last_row_id + 1, first.last_row_id + 2]);
    let bodies: Vec<_> = all.into_iter().map(|row| row.body).collect();
    same!(bodies, ["a", "b", "c", "d"]);

    let pairs = vec![(note("e"), db.real(0.5)), (note("f"), db.real(1.5))];
    let pairs = db.batch(pairs).await?;
    let reals: Vec<f64> = pairs.into_iter().map(|(_, row)| row.value).collect();
    same!(reals, [0.5, 1.5]);
    Ok(())
}

/// A tuple can have 26 elements.
pub async fn long_tuples(env: Env) -> Outcome {
    let db = &env.db;
    let real = |value: i32| db.real(f64::from(value));
    let results = db
        .batch((
            real(0),
            real(1),
            real(2),
            real(3),
            real(4),
            real(5),
            real(6),
            real(7),
            real(8),
            real(9),
            real(10),
            real(11),
            real(12),
            real(13),
            real(14),
            real(15),
            real(16),
            real(17),
            real(18),
            real(19),
            real(20),
            real(21),
            real(22),
            real(23),
            real(24),
            db.users(),
        ))
        .await?;
    same!(
        (results.0.value, results.8.value, results.24.value),
        (0.0, 8.0, 24.0)
    );
    same!(results.25.len(), 0);
    Ok(())
}

/// An error of SQLite names the query natively. On Workers it names every query that is possible.
pub async fn rejected_queries(env: Env) -> Outcome {
    let db = &env.db;
    let unique = ErrorKind::Constraint(Constraint::Unique);
    let foreign = ErrorKind::Constraint(Constraint::ForeignKey);
    let add = |email| db.add_user(AddUserParams::new(email, false));
    add("ann").await?;

    // Only one query of this batch writes, so it is known in both worlds.
    let error = db.batch((db.users(), add("ann"), db.users())).await.err();
    let error = error.ok_or("the email is taken")?;
    same!(failed(&error), (Some("add_user"), Some(1), unique));
    same!(
        error.to_string(),
        "d1 DB batch: query 2 of 3, `add_user`: UNIQUE constraint failed: users.email"
    );

    let several = (
        db.rename(None, "ann"),
        add("bob"),
        db.add_post(-1, "secret"),
    );
    let error = db.batch(several).await.err();
    let error = error.ok_or("there is no such author")?;
    if KNOWS_THE_QUERY {
        same!(failed(&error), (Some("add_post"), Some(2), foreign));
        same!(
            error.message(),
            "query 3 of 3, `add_post`: FOREIGN KEY constraint failed"
        );
    } else {
        same!(failed(&error), (None, None, foreign));
        same!(
            error.message(),
            "one of the queries `rename`, `add_user`, `add_post`: FOREIGN KEY constraint failed"
        );
    }
    same!(error.is_committed(), false);
    same!(db.users().await?.len(), 1);

    let same_name = vec![add("bob"), add("cid"), add("bob")];
    let error = db.batch((db.users(), same_name)).await.err();
    let error = error.ok_or("the email is taken")?;
    same!((error.query(), error.kind()), (Some("add_user"), unique));
    same!(error.batch_index(), KNOWS_THE_QUERY.then_some(3));
    let expected = if KNOWS_THE_QUERY {
        "query 4 of 4, `add_user`: "
    } else {
        "one of the queries `add_user` (3 times): "
    };
    same!(error.message().starts_with(expected), true);
    Ok(())
}

/// A foreign key that is checked at the commit belongs to no single query.
pub async fn rejected_commits(env: Env) -> Outcome {
    let db = &env.db;
    let writes = (db.keys_later(), db.add_post(404, "a"), db.rename(None, "b"));
    let error = db.batch(writes).await.err();
    let error = error.ok_or("there is no such author")?;
    let foreign = ErrorKind::Constraint(Constraint::ForeignKey);
    same!(failed(&error), (None, None, foreign));
    same!(
        error.message().split(": ").next(),
        Some("one of the queries `keys_later`, `add_post`, `rename`")
    );
    Ok(())
}

/// A result that cannot be used names its query in both worlds.
pub async fn unusable_results(env: Env) -> Outcome {
    let db = &env.db;
    db.add_loose(AddLooseParams {
        text: Some("a"),
        ..AddLooseParams::new(7, "secret")
    })
    .await?;
    let noted = || vec![db.note("a", 1), db.note("b", 1)];

    let error = db.batch((noted(), (db.users(), db.loose()))).await.err();
    let error = error.ok_or("a text is not a number")?;
    same!(failed(&error), (Some("loose"), Some(3), ErrorKind::Decode));
    same!(
        error.message(),
        "query 4 of 4, `loose`: row 1, column `number`: expected INTEGER, found TEXT; \
         the changes of the call are committed"
    );

    let error = db.batch((noted(), db.the_user("nobody"))).await.err();
    let error = error.ok_or("there is no such user")?;
    same!(
        failed(&error),
        (Some("the_user"), Some(2), ErrorKind::NotFound)
    );
    same!(error.is_committed(), true);
    same!(db.noted().await?.len(), 4);
    Ok(())
}

/// The limits of all queries are checked before the first one is sent.
pub async fn limits_before_sending(env: Env) -> Outcome {
    let db = &env.db;
    let large = "x".repeat(2_000_001);
    let error = db.batch((db.note("a", 1), db.note(&large, 1))).await.err();
    let error = error.ok_or("the value is too large")?;
    same!(failed(&error), (Some("note"), Some(1), ErrorKind::TooLarge));
    same!(error.is_committed(), false);

    let queries = vec![
        (db.note("a", 1), db.real(1.0)),
        (db.note("b", 1), db.real(f64::NAN)),
    ];
    let error = db.batch(queries).await.err().ok_or("D1 has no NaN")?;
    same!(
        failed(&error),
        (Some("real"), Some(3), ErrorKind::InvalidArgument)
    );
    same!(
        error
            .message()
            .starts_with("query 4 of 4, `real`: parameter 1: "),
        true
    );
    same!(db.noted().await?.len(), 0);
    Ok(())
}

/// The event of a failed batch has the name of the query.
pub async fn events_of_batches(env: Env) -> Outcome {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let observed = Arc::clone(&lines);
    env.observe(move |event: &Event<'_>| {
        let index = event.error.and_then(Error::batch_index);
        let line = format!(
            "{} {:?} {index:?} {:?}",
            event.name(),
            event.query,
            event.measures.count
        );
        if let Ok(mut lines) = observed.lock() {
            lines.push(line);
        }
    });

    let db = &env.db;
    let _ = db.batch((db.users(), db.the_user("nobody"))).await;
    db.batch((db.users(), vec![db.users(), db.users()])).await?;
    db.batch(Vec::<Query<'_, Exec>>::new()).await?;

    let lines = lines.lock().map_err(|_| "the observer panicked")?;
    let expected = [
        "cloudflare.d1.batch.error Some(\"the_user\") Some(1) None",
        "cloudflare.d1.batch.success None None Some(3)",
        "cloudflare.d1.batch.success None None Some(0)",
    ];
    same!(*lines, expected);
    Ok(())
}
