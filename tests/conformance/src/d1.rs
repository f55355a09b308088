//! D1: values, shapes, constraints, transactions.

use bindery::ErrorKind;
use bindery::d1::{Int64, Value};
use bindery::error::Constraint;

use crate::bindings::db;
use crate::{Env, Outcome, same};

async fn user(env: &Env, email: &str) -> bindery::Result<i64> {
    Ok(env
        .db
        .add_user(db::AddUserParams::new(email, false))
        .await?
        .id)
}

/// A value of each type, and NULL, is read as it was written.
pub async fn values_cross(env: Env) -> Outcome {
    let bytes = [0_u8, 1, 127, 128, 255];
    let full = env
        .db
        .add_user(db::AddUserParams {
            email: "ann@example.com",
            name: Some("Ann \u{1F600} \"q\" \\ \u{0}"),
            age: Some(42),
            score: Some(0.1),
            admin: true,
            avatar: Some(&bytes),
            anything: Some(Value::from("text")),
        })
        .await?;

    same!(full.name.as_deref(), Some("Ann \u{1F600} \"q\" \\ \u{0}"));
    same!(full.age, Some(42));
    same!(full.score, Some(0.1));
    same!(full.admin, true);
    same!(full.avatar.as_deref(), Some(&bytes[..]));
    same!(full.anything, Some(Value::Text("text".to_owned())));

    let empty = env
        .db
        .add_user(db::AddUserParams::new("bob@example.com", false))
        .await?;
    same!(
        (
            empty.name,
            empty.age,
            empty.score,
            empty.avatar,
            empty.anything
        ),
        (None, None, None, None, None)
    );
    same!(empty.admin, false);

    let again = env
        .db
        .user_by_email("ann@example.com")
        .await?
        .ok_or("the row is there")?;
    same!(again.avatar.as_deref(), Some(&bytes[..]));
    same!(again.id, full.id);

    let blank = env
        .db
        .add_user(db::AddUserParams {
            email: "",
            name: Some(""),
            age: Some(0),
            score: Some(-0.5),
            admin: false,
            avatar: Some(&[]),
            anything: Some(Value::from(vec![7_u8])),
        })
        .await?;
    same!(
        (blank.name.as_deref(), blank.score, blank.avatar),
        (Some(""), Some(-0.5), Some(Vec::new()))
    );
    same!(blank.anything, Some(Value::Blob(vec![7])));
    Ok(())
}

/// D1 binds every number as REAL, and so does the native backend.
pub async fn numbers_are_real(env: Env) -> Outcome {
    let row = env.db.numbers(2).await?;
    same!(row.kind, "real");
    same!(row.whole, Some(2));
    same!(row.ratio, Some(2.5));
    same!(row.twice, 4);
    Ok(())
}

/// Every double is read with the bits that were written, as a parameter and in a column.
pub async fn reals_keep_every_bit(env: Env) -> Outcome {
    let values = crate::random_reals(600);
    for values in values.chunks(100) {
        let queries: Vec<_> = values.iter().map(|value| env.db.real(*value)).collect();
        let rows = env.db.batch(queries).await?;
        for (row, value) in rows.iter().zip(values) {
            same!(row.value.to_bits(), value.to_bits());
        }
    }

    let known = 90.285_714_285_714_29;
    let stored = env
        .db
        .add_user(db::AddUserParams {
            score: Some(known),
            ..db::AddUserParams::new("ann@example.com", false)
        })
        .await?;
    same!(stored.score.map(f64::to_bits), Some(known.to_bits()));
    same!(env.db.real(known).await?.value.to_bits(), known.to_bits());
    same!(env.db.users_scored(&[0.5, known]).await?.len(), 1);

    // JavaScript writes -0 as 0.
    let zero = env.db.real(-0.0).await?.value;
    same!(zero.to_bits(), 0.0_f64.to_bits());

    let refused = env.db.users_scored(&[f64::NAN]).await;
    same!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    Ok(())
}

/// A value of the caller that SQLite rejects is an invalid argument.
pub async fn invalid_values(env: Env) -> Outcome {
    let malformed = env
        .db
        .minify("{secret")
        .await
        .err()
        .ok_or("it is not JSON")?;
    same!(malformed.kind(), ErrorKind::InvalidArgument);
    same!(malformed.to_string().contains("secret"), false);
    let pattern = format!("%{}%", "a".repeat(60));
    let long = env.db.matches("a", &pattern).await;
    same!(
        long.map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    Ok(())
}

/// The rows are decoded after the commit, and the error says so.
pub async fn errors_after_a_commit(env: Env) -> Outcome {
    user(&env, "ann@example.com").await?;
    let rename = || env.db.rename(Some("Ann"), "ann@example.com");
    let missing = env.db.batch((rename(), env.db.the_user("nobody"))).await;
    let error = missing.err().ok_or("there is no such user")?;
    same!(
        (error.kind(), error.is_committed()),
        (ErrorKind::NotFound, true)
    );
    same!(error.to_string().contains("`the_user`"), true);
    let ann = env.db.user_by_email("ann@example.com").await?;
    same!(ann.and_then(|ann| ann.name).as_deref(), Some("Ann"));

    env.db
        .add_loose(db::AddLooseParams {
            text: Some("a"),
            ..db::AddLooseParams::new(7, "secret")
        })
        .await?;
    let undecodable = env.db.batch((rename(), env.db.loose())).await;
    let error = undecodable.err().ok_or("`secret` is not a number")?;
    same!(
        (error.kind(), error.is_committed()),
        (ErrorKind::Decode, true)
    );
    same!(error.to_string().contains("secret"), false);

    let reads = env
        .db
        .batch((env.db.users(), env.db.the_user("nobody")))
        .await;
    let error = reads.err().ok_or("there is no such user")?;
    same!(
        (error.kind(), error.is_committed()),
        (ErrorKind::NotFound, false)
    );
    let alone = env.db.the_user("nobody").await.err();
    same!(alone.map(|error| error.is_committed()), Some(false));

    // A failed statement rolls everything back.
    let conflict = env.db.add_post(-1, "no author");
    let failed = env
        .db
        .batch((env.db.rename(None, "ann@example.com"), conflict))
        .await;
    let error = failed.err().ok_or("the author does not exist")?;
    same!(
        (error.is_constraint_violation(), error.is_committed()),
        (true, false)
    );
    let ann = env.db.user_by_email("ann@example.com").await?;
    same!(ann.and_then(|ann| ann.name).as_deref(), Some("Ann"));
    Ok(())
}

/// Integers that a double cannot represent are rejected as arguments and as values.
pub async fn integers_keep_every_bit(env: Env) -> Outcome {
    let most = 9_007_199_254_740_991_i64;
    let row = env
        .db
        .add_user(db::AddUserParams {
            age: Some(most),
            ..db::AddUserParams::new("most@example.com", false)
        })
        .await?;
    same!(row.age, Some(most));

    let refused = env
        .db
        .add_user(db::AddUserParams {
            age: Some(most + 1),
            ..db::AddUserParams::new("more@example.com", false)
        })
        .await;
    same!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    same!(
        env.db.big().await.map_err(|error| error.kind()),
        Err(ErrorKind::Decode)
    );

    let infinite = env
        .db
        .add_user(db::AddUserParams {
            score: Some(f64::INFINITY),
            ..db::AddUserParams::new("inf@example.com", false)
        })
        .await;
    same!(
        infinite.map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    same!(env.db.users().await?.len(), 1);
    Ok(())
}

/// No row is `None` for `:optional` and an error for `:one`.
pub async fn optional_and_one(env: Env) -> Outcome {
    same!(env.db.user_by_email("nobody").await?.is_none(), true);
    let error = env
        .db
        .the_user("nobody")
        .await
        .err()
        .ok_or("there is no such user")?;
    same!(error.kind(), ErrorKind::NotFound);
    same!(error.to_string(), "d1 DB the_user: the query found no row");
    same!(
        (error.service(), error.binding(), error.query()),
        (bindery::Service::D1, "DB", Some("the_user"))
    );
    same!(env.db.users().await?.len(), 0);
    Ok(())
}

/// A slice of any length is one parameter.
pub async fn slices(env: Env) -> Outcome {
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(user(&env, &format!("u{number}@example.com")).await?);
    }
    let found = env.db.users_in(&ids[1..3]).await?;
    same!(
        found
            .iter()
            .map(|row| row.email.as_str())
            .collect::<Vec<_>>(),
        ["u1@example.com", "u2@example.com"]
    );

    same!(env.db.users_in(&[]).await?.len(), 0);
    let many: Vec<i64> = (0..1000).collect();
    same!(env.db.users_in(&many).await?.len(), 5);
    same!(
        env.db
            .users_named(&["u4@example.com", "it's \"quoted\""])
            .await?
            .len(),
        1
    );
    same!(
        env.db
            .users_named(&[String::from("u0@example.com")])
            .await?
            .len(),
        1
    );
    Ok(())
}

/// A filter `(:name IS NULL OR name = :name)` accepts `None`.
pub async fn optional_filters(env: Env) -> Outcome {
    env.db
        .add_user(db::AddUserParams {
            name: Some("Ann"),
            ..db::AddUserParams::new("a", false)
        })
        .await?;
    env.db
        .add_user(db::AddUserParams {
            name: Some("Bob"),
            ..db::AddUserParams::new("b", false)
        })
        .await?;
    same!(env.db.search(None, 10).await?.len(), 2);
    same!(env.db.search(Some("Bob"), 10).await?.len(), 1);
    same!(env.db.search(None, 1).await?.len(), 1);
    Ok(())
}

/// A violated constraint is an error with its kind and SQLite's message.
pub async fn constraints(env: Env) -> Outcome {
    user(&env, "a").await?;
    let error = env
        .db
        .add_user(db::AddUserParams::new("a", false))
        .await
        .err()
        .ok_or("the email is taken")?;
    same!(error.kind(), ErrorKind::Constraint(Constraint::Unique));
    same!(error.message(), "UNIQUE constraint failed: users.email");
    let is_of = |error: &bindery::Error, column| {
        let violation = error.violation();
        violation.is_some_and(|violation| violation.is_of("users", column))
    };
    same!(
        (is_of(&error, "email"), is_of(&error, "name")),
        (true, false)
    );
    let twice = || env.db.add_user(db::AddUserParams::new("c", false));
    let error = env.db.batch((twice(), twice())).await;
    let error = error.err().ok_or("the email is taken")?;
    same!(is_of(&error, "email"), true);
    same!(
        (error.is_constraint_violation(), error.status().as_u16()),
        (true, 409)
    );

    let check = env
        .db
        .add_user(db::AddUserParams {
            age: Some(-1),
            ..db::AddUserParams::new("b", false)
        })
        .await;
    let check = check.err().ok_or("the age is negative")?;
    same!(check.kind(), ErrorKind::Constraint(Constraint::Check));
    let named = check.violation().and_then(|violation| violation.name);
    same!(named, Some("age >= 0"));

    let foreign = env.db.add_post(404, "of nobody").await;
    same!(
        foreign.map_err(|error| error.kind()),
        Err(ErrorKind::Constraint(Constraint::ForeignKey))
    );
    same!(env.db.users().await?.len(), 1);
    Ok(())
}

/// RETURNING returns the row after the write.
pub async fn upsert_and_returning(env: Env) -> Outcome {
    let author = user(&env, "a").await?;
    same!(env.db.like_post(1, author, "first").await?.likes, 0);
    same!(env.db.like_post(1, author, "first").await?.likes, 1);
    same!(env.db.like_post(1, author, "first").await?.likes, 2);
    Ok(())
}

/// The columns of the right side of a LEFT JOIN are `None` without a row.
pub async fn outer_joins(env: Env) -> Outcome {
    let ann = user(&env, "ann").await?;
    user(&env, "bob").await?;
    env.db.add_post(ann, "one").await?;
    env.db.add_post(ann, "two").await?;

    let rows: Vec<_> = env
        .db
        .posts_by_author()
        .await?
        .into_iter()
        .map(|row| (row.email, row.title, row.written))
        .collect();
    let text = |text: &str| text.to_owned();
    same!(
        rows,
        [
            (text("ann"), Some(text("one")), 2),
            (text("ann"), Some(text("two")), 2),
            (text("bob"), None, 0)
        ]
    );
    Ok(())
}

/// An aggregate over no rows is `None` if its result is NULL.
pub async fn aggregates(env: Env) -> Outcome {
    let none = env.db.counts().await?;
    same!(
        (none.users, none.oldest, none.score, none.any_post),
        (0, None, 0.0, false)
    );

    let author = env
        .db
        .add_user(db::AddUserParams {
            age: Some(30),
            score: Some(1.5),
            ..db::AddUserParams::new("a", false)
        })
        .await?
        .id;
    env.db.add_post(author, "one").await?;
    let some = env.db.counts().await?;
    same!(
        (some.users, some.oldest, some.score, some.any_post),
        (1, Some(30), 1.5, true)
    );
    Ok(())
}

/// A write returns the number of changed rows and the last row id.
pub async fn changes(env: Env) -> Outcome {
    user(&env, "a").await?;
    same!(env.db.rename(Some("Ann"), "a").await?.rows, 1);
    same!(env.db.rename(None, "nobody").await?.rows, 0);
    let author = user(&env, "b").await?;
    let added = env.db.add_post(author, "one").await?;
    same!((added.rows, added.last_row_id), (1, 1));
    // The post that is deleted by a cascade counts, too.
    same!(env.db.delete_user("b").await?.rows, 2);
    same!(env.db.counts().await?.any_post, false);
    Ok(())
}

/// A batch is atomic.
pub async fn batch_is_one_transaction(env: Env) -> Outcome {
    let db = &env.db;
    let (row, changes, all) = db
        .batch((
            db.add_user(db::AddUserParams::new("a", false)),
            db.rename(Some("Ann"), "a"),
            db.users(),
        ))
        .await?;
    same!((row.email.as_str(), changes.rows), ("a", 1));
    same!(
        all.first().and_then(|user| user.name.clone()).as_deref(),
        Some("Ann")
    );

    let failed = db
        .batch((db.rename(Some("Lost"), "a"), db.add_post(404, "of nobody")))
        .await;
    same!(
        failed.map_err(|error| error.kind()),
        Err(ErrorKind::Constraint(Constraint::ForeignKey))
    );
    same!(
        db.users()
            .await?
            .first()
            .and_then(|user| user.name.clone())
            .as_deref(),
        Some("Ann")
    );
    Ok(())
}

/// A batch can be a `Vec` of queries.
pub async fn batch_of_a_vec(env: Env) -> Outcome {
    let author = user(&env, "a").await?;
    let titles: Vec<String> = (0..20).map(|number| format!("post {number}")).collect();
    let added = env
        .db
        .batch(
            titles
                .iter()
                .map(|title| env.db.add_post(author, title))
                .collect::<Vec<_>>(),
        )
        .await?;
    same!(
        (added.len(), added.last().map(|changes| changes.last_row_id)),
        (20, Some(20))
    );
    Ok(())
}

/// `query!` accepts a variable with the name of the parameter, a named value, and a cardinality.
pub async fn inline_queries(env: Env) -> Outcome {
    user(&env, "a").await?;
    user(&env, "b").await?;
    let email = "a";
    let rows = db::query!(
        env.db,
        "SELECT id, email FROM users WHERE email = :email",
        email
    )
    .await?;
    same!(rows.len(), 1);

    let row = db::query!(
        env.db,
        "SELECT email, length(email) AS bytes FROM users WHERE id = :id",
        id = rows[0].id
    )
    .one()
    .await?;
    same!((row.email.as_str(), row.bytes), ("a", 1));

    let none = db::query!(env.db, r"SELECT id FROM users WHERE email = ?", "nobody")
        .optional()
        .await?;
    same!(none.is_none(), true);

    let changes = db::query!(
        env.db,
        "UPDATE users SET admin = :on WHERE email IN (:emails)",
        on = true,
        emails = &["a", "b"]
    )
    .await?;
    same!(changes.rows, 2);
    Ok(())
}

/// A value that does not have the type of its column is an error that names row and column.
pub async fn broken_promises(env: Env) -> Outcome {
    env.db
        .add_loose(db::AddLooseParams {
            id: 1,
            number: "7",
            text: Some("fine"),
            flag: Some(true),
        })
        .await?;
    same!(env.db.loose().await?.len(), 1);

    db::query!(
        env.db,
        "INSERT INTO loose (id, number) VALUES (2, CAST('seven' AS TEXT))"
    )
    .await?;
    let error = env.db.loose().await.err().ok_or("a text is not a number")?;
    same!(error.kind(), ErrorKind::Decode);
    same!(
        error.message(),
        "row 2, column `number`: expected INTEGER, found TEXT"
    );

    db::query!(env.db, "UPDATE loose SET number = 1.5 WHERE id = 2").await?;
    same!(
        env.db.loose().await.map_err(|error| error.kind()),
        Err(ErrorKind::Decode)
    );

    db::query!(env.db, "UPDATE loose SET number = 1, flag = 2 WHERE id = 2").await?;
    let error = env.db.loose().await.err().ok_or("2 is not a boolean")?;
    same!(
        error.message(),
        "row 2, column `flag`: expected 0 or 1, found another number"
    );
    Ok(())
}

/// A value over 2,000,000 bytes is rejected before it is sent.
pub async fn parameters_over_the_limit(env: Env) -> Outcome {
    let large = "x".repeat(2_000_001);
    let error = env
        .db
        .rename(Some(&large), "a")
        .await
        .err()
        .ok_or("the value is too large")?;
    same!(error.kind(), ErrorKind::TooLarge);
    Ok(())
}

/// Integers of 64 bits cross as text.
pub async fn wide_integers(env: Env) -> Outcome {
    let values = [i64::MIN, -7, 0, (1 << 53) + 1, (1 << 53) + 2, i64::MAX].map(Int64);
    env.db.add_id(values[0], "min").await?;
    let rows = values[1..].iter().map(|id| db::AddIdsParams {
        id: *id,
        note: "more",
    });
    env.db.add_ids(&rows.collect::<Vec<_>>()).await?;
    same!(env.db.ids().await?, values);

    same!(
        env.db.note_of_id(Int64(i64::MIN)).await?.as_deref(),
        Some("min")
    );
    same!(env.db.note_of_id(Int64(1 << 53)).await?, None);
    same!(
        env.db.note_of_id(Int64((1 << 53) + 1)).await?.as_deref(),
        Some("more")
    );
    same!(
        env.db
            .notes_of_ids(&[Int64(i64::MIN), Int64((1 << 53) + 2)])
            .await?,
        ["min", "more"]
    );
    same!(env.db.notes_after(Int64((1 << 53) + 1)).await?.len(), 2);

    let inexact = env.db.inexact_ids().await.err().ok_or("it is not exact")?;
    same!(inexact.kind(), ErrorKind::Decode);
    same!(inexact.message().contains("CAST(.. AS TEXT)"), true);
    Ok(())
}
