//! Statements that are not checked at compile time.

use std::sync::{Arc, Mutex};

use bindery::d1::{Json, Value};
use bindery::error::Constraint;
use bindery::observe::Event;
use bindery::{Error, ErrorKind};

use crate::bindings::db::AddUserParams;
use crate::{Env, Outcome, same};

#[derive(Debug, Clone, PartialEq, bindery::Row)]
struct User {
    id: i64,
    email: String,
    name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, bindery::Row)]
struct Number {
    n: i64,
}

#[derive(Debug, Clone, PartialEq, bindery::Row)]
struct Everything {
    integer: i64,
    small: u8,
    real: f64,
    text: String,
    blob: Vec<u8>,
    flag: bool,
    json: Json<Vec<String>>,
    any: Value,
    missing: Option<String>,
    absent: Option<i64>,
}

/// Adds a user and returns their id.
async fn add(env: &Env, email: &str) -> bindery::Result<i64> {
    let added = env.db.add_user(AddUserParams::new(email, false)).await?;
    Ok(added.id)
}

/// The kind and the message of the error that a query must have.
fn failed<T>(result: bindery::Result<T>) -> Result<(ErrorKind, String), &'static str> {
    let error = result.err().ok_or("the query must fail")?;
    Ok((error.kind(), error.message().to_owned()))
}

/// A value of each type, and NULL, is bound and read.
pub async fn every_value(env: Env) -> Outcome {
    let bytes = [0_u8, 1, 127, 128, 255];
    let sql = "SELECT ?1 AS integer, ?2 AS small, ?3 AS real, ?4 AS text, ?5 AS blob, ?6 AS flag, \
               ?7 AS json, ?8 AS \"any\", ?9 AS missing, NULL AS absent";
    let row = env
        .db
        .unchecked(sql)
        .bind(9_007_199_254_740_991_i64)
        .bind(200)
        .bind(0.1)
        .bind("Ann \u{1F600} \"q\" \\ \u{0}")
        .bind(&bytes[..])
        .bind(true)
        .bind(Json(vec!["a", "b"]))
        .bind(Value::from("any"))
        .bind(None::<&str>)
        .one::<Everything>()
        .await?;

    let expected = Everything {
        integer: 9_007_199_254_740_991,
        small: 200,
        real: 0.1,
        text: "Ann \u{1F600} \"q\" \\ \u{0}".to_owned(),
        blob: bytes.to_vec(),
        flag: true,
        json: Json(vec!["a".to_owned(), "b".to_owned()]),
        any: Value::from("any"),
        missing: None,
        absent: None,
    };
    same!(row, expected);
    Ok(())
}

/// All rows, the first row, an optional row, or no rows.
pub async fn shapes_of_unchecked(env: Env) -> Outcome {
    let db = &env.db;
    let (ann, bob) = (add(&env, "ann").await?, add(&env, "bob").await?);
    let users = |order: &str| {
        let sql = format!("SELECT id, email, name FROM users ORDER BY id {order}");
        db.unchecked(sql)
    };
    let ids = |rows: Vec<User>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    same!(ids(users("ASC").all().await?), [ann, bob]);
    same!(ids(users("DESC").all().await?), [bob, ann]);
    same!(users("DESC").one::<User>().await?.email, "bob");
    same!(users("").all::<User>().optional().await?.is_some(), true);

    let of = |email: &'static str| {
        let sql = "SELECT id, email, name FROM users WHERE email = ?";
        db.unchecked(sql).bind(email)
    };
    let found = of("ann").optional::<User>().await?;
    same!(found.map(|user| user.id), Some(ann));
    same!(of("nobody").optional::<User>().await?, None);
    same!(of("nobody").all::<User>().await?.len(), 0);
    let error = of("nobody").one::<User>().await.err();
    let error = error.ok_or("there is no such user")?;
    same!(error.to_string(), "d1 DB unchecked: the query found no row");
    same!(
        (error.kind(), error.is_committed()),
        (ErrorKind::NotFound, false)
    );
    same!(of("ann").execute().await?.rows, 0);
    Ok(())
}

/// A field is the column of its name, in any order.
pub async fn columns_by_name(env: Env) -> Outcome {
    let sql = "SELECT 'Ann' AS name, 'ann' AS email, 7 AS id";
    let row = env.db.unchecked(sql).one::<User>().await?;
    same!(
        (row.id, row.email.as_str(), row.name.as_deref()),
        (7, "ann", Some("Ann"))
    );

    // JavaScript would put the property `1` first.
    #[derive(Debug, PartialEq, bindery::Row)]
    struct Pair {
        b: String,
        a: String,
    }
    let pairs = "VALUES ('x', 'y')";
    let sql = format!("SELECT column1 AS a, column2 AS b FROM ({pairs})");
    let (alone, watched) = (
        env.db.unchecked(sql.clone()).one::<Pair>().await?,
        env.db.batch(env.db.unchecked(sql).all::<Pair>()).await?,
    );
    same!((alone.a.as_str(), alone.b.as_str()), ("x", "y"));
    same!(watched, [alone]);
    Ok(())
}

/// A result with other columns than the row type is an error, also without rows.
pub async fn wrong_columns(env: Env) -> Outcome {
    let db = &env.db;
    let cases = [
        (
            "SELECT 1 AS id, 'a' AS email",
            "the statement returns no column `name`",
        ),
        (
            "SELECT 1 AS id, 'a' AS email, 'b' AS Name",
            "the statement returns no column `name`",
        ),
        (
            "SELECT 1 AS id, 'a' AS email, 'b' AS name, 'secret'",
            "the statement returns 4 columns, but the row type has 3 fields",
        ),
        (
            "SELECT 1 AS id, 'a' AS email, 'b' AS name, 2 AS id",
            "the statement returns several columns `id`",
        ),
        (
            "SELECT id, name, name AS email, email FROM users WHERE false",
            "the statement returns several columns `email`",
        ),
        (
            "SELECT 'secret' WHERE false",
            "the statement returns no column `id`",
        ),
        (
            "PRAGMA defer_foreign_keys = off",
            "the statement returns no column `id`",
        ),
    ];
    for (sql, message) in cases {
        let (kind, found) = failed(db.unchecked(sql).all::<User>().await)?;
        same!(
            (kind, found.starts_with(message)),
            (ErrorKind::Decode, true)
        );
        same!(found.contains("secret"), false);
    }
    Ok(())
}

/// A value of another type than the field is an error with row and column.
pub async fn wrong_values(env: Env) -> Outcome {
    let decode = |message: &str| (ErrorKind::Decode, message.to_owned());
    let number = |sql: &'static str| env.db.unchecked(sql).all::<Number>();
    let null = failed(number("VALUES (1), (NULL)").await);
    same!(null?.0, ErrorKind::Decode);

    let cases = [
        (
            "SELECT NULL AS n",
            "row 1, column `n`: expected INTEGER, found NULL",
        ),
        (
            "SELECT 1 AS n UNION ALL SELECT 'secret'",
            "row 2, column `n`: expected INTEGER, found TEXT",
        ),
        (
            "SELECT 1.5 AS n",
            "row 1, column `n`: expected a whole number, found a fraction",
        ),
        (
            "SELECT 9007199254740992 AS n",
            "row 1, column `n`: the value exceeds the integers that D1 returns exactly (2^53 - 1); \
             store it as TEXT",
        ),
    ];
    for (sql, message) in cases {
        same!(failed(number(sql).await)?, decode(message));
    }
    Ok(())
}

/// SQL that SQLite rejects is an invalid argument.
pub async fn rejected_sql(env: Env) -> Outcome {
    let db = &env.db;
    for (sql, part) in [
        ("SELEC 1 AS n", "syntax error"),
        ("SELECT 1 AS n FROM nowhere", "no such table: nowhere"),
        ("SELECT missing AS n FROM users", "no such column: missing"),
        ("SELECT missing(1) AS n", "no such function: missing"),
        ("SELECT (1 AS n", "syntax error"),
        ("", "the SQL contains no statement"),
        (" -- SELECT 1;", "the SQL contains no statement"),
        (
            "SELECT 1 AS n; DELETE FROM users",
            "the SQL contains 2 statements, but a query is one statement",
        ),
    ] {
        let (kind, message) = failed(db.unchecked(sql).all::<Number>().await)?;
        same!((sql, kind), (sql, ErrorKind::InvalidArgument));
        same!(
            (message.contains(part), message.as_str()),
            (true, message.as_str())
        );
    }
    for sql in ["SELECT sqlite_version() AS n", "ATTACH 'x' AS y", "BEGIN"] {
        let (kind, _) = failed(db.unchecked(sql).all::<Number>().await)?;
        same!((sql, kind), (sql, ErrorKind::Denied));
    }
    Ok(())
}

/// The number of values is checked, and each value, before anything is sent.
pub async fn wrong_parameters(env: Env) -> Outcome {
    let insert = || {
        let sql = "INSERT INTO received (body, attempts) VALUES (?1, ?2)";
        env.db.unchecked(sql).named("insert")
    };
    let invalid = |message: &str| (ErrorKind::InvalidArgument, message.to_owned());
    same!(
        failed(insert().bind("secret").execute().await)?,
        invalid("the statement has 2 parameters, but 1 value is bound")
    );
    same!(
        failed(insert().bind("a").bind(1).bind(2).execute().await)?,
        invalid("the statement has 2 parameters, but 3 values are bound")
    );
    let named = "SELECT :a AS n, :b AS m, :a AS o";
    same!(
        failed(env.db.unchecked(named).execute().await)?,
        invalid("the statement has 2 parameters, but 0 values are bound")
    );

    let most = 9_007_199_254_740_991_i64;
    for (value, part) in [
        (Value::Integer(most + 1), "2^53 - 1"),
        (Value::Real(f64::NAN), "NULL"),
    ] {
        let error = insert().bind("a").bind(value).execute().await.err();
        let error = error.ok_or("D1 cannot store it")?;
        same!(error.kind(), ErrorKind::InvalidArgument);
        same!(error.message().contains(part), true);
        same!(
            error.to_string().starts_with("d1 DB insert: parameter 2: "),
            true
        );
    }
    same!(env.db.noted().await?.len(), 0);
    Ok(())
}

/// The limits of D1 are checked before anything is sent.
pub async fn limits_of_unchecked(env: Env) -> Outcome {
    let db = &env.db;
    let many = |count: usize| {
        let marks = vec!["?"; count].join(", ");
        let sql = format!("SELECT count(*) AS n FROM json_each(json_array({marks}))");
        (0..count).fold(db.unchecked(sql), |query, _| query.bind(1))
    };
    same!(many(100).one::<Number>().await?.n, 100);
    let (kind, message) = failed(many(101).one::<Number>().await)?;
    same!(kind, ErrorKind::TooLarge);
    let expected = "the statement has 101 parameters, more than the limit of 100";
    same!(message.starts_with(expected), true);

    let long = |bytes: usize| format!("SELECT 1 AS n -- {}", "x".repeat(bytes - 17));
    same!(db.unchecked(long(100_000)).one::<Number>().await?.n, 1);
    let (kind, message) = failed(db.unchecked(long(100_001)).one::<Number>().await)?;
    same!(kind, ErrorKind::TooLarge);
    let expected = "the statement has 100001 bytes, more than the limit of 100000";
    same!(message.starts_with(expected), true);

    let large = "x".repeat(2_000_001);
    let length = db.unchecked("SELECT length(?) AS n").bind(large);
    same!(failed(length.one::<Number>().await)?.0, ErrorKind::TooLarge);
    Ok(())
}

/// A write returns its changes, or the rows of RETURNING.
pub async fn writes(env: Env) -> Outcome {
    let db = &env.db;
    let insert = "INSERT INTO users (email, admin) VALUES (?1, ?2)";
    let added = db
        .unchecked(insert)
        .bind("ann")
        .bind(true)
        .execute()
        .await?;
    same!(added.rows, 1);
    let updated = db
        .unchecked("UPDATE users SET name = ?1 WHERE id = ?2 RETURNING name, email, id")
        .bind("Ann")
        .bind(added.last_row_id)
        .all::<User>()
        .await?;
    same!(updated.len(), 1);
    same!(updated[0].name.as_deref(), Some("Ann"));

    let (kind, message) = failed(db.unchecked(insert).bind("ann").bind(true).execute().await)?;
    same!(kind, ErrorKind::Constraint(Constraint::Unique));
    same!(message, "UNIQUE constraint failed: users.email");

    // A row that cannot be decoded does not undo the write, and the error says so.
    for returning in ["'secret' AS n", "1 AS n, 2 AS m", "1 AS wrong"] {
        let sql =
            format!("INSERT INTO received (body, attempts) VALUES ('a', 1) RETURNING {returning}");
        let error = db.unchecked(sql).one::<Number>().await.err();
        let error = error.ok_or("the row does not match")?;
        same!(
            (error.kind(), error.is_committed()),
            (ErrorKind::Decode, true)
        );
        same!(error.to_string().contains("secret"), false);
    }
    same!(db.noted().await?.len(), 3);

    // A read has nothing to commit.
    let read = "WITH x (n) AS (SELECT 'a') SELECT n FROM x";
    let error = db.unchecked(read).one::<Number>().await.err();
    same!(error.map(|error| error.is_committed()), Some(false));
    Ok(())
}

/// Unchecked and generated queries run in one batch.
pub async fn in_a_batch(env: Env) -> Outcome {
    let db = &env.db;
    let note = |body: &'static str| {
        let sql = "INSERT INTO received (body, attempts) VALUES (?1, 1)";
        db.unchecked(sql).bind(body).execute()
    };
    let count = || db.unchecked("SELECT count(*) AS n FROM received");
    let (first, many, noted, counted, none) = db
        .batch((
            db.note("a", 1),
            vec![note("b"), note("c")],
            db.noted(),
            count().one::<Number>(),
            db.unchecked("SELECT id, email, name FROM users")
                .all::<User>(),
        ))
        .await?;
    same!((first.rows, many.len(), noted.len()), (1, 2, 3));
    same!((counted, none), (Number { n: 3 }, Vec::new()));

    let sql = "DELETE FROM received WHERE body = ?1 RETURNING attempts AS n";
    let deleted = || db.unchecked(sql).bind("a").all::<Number>();
    let (rows, left) = db.batch((deleted(), count().one::<Number>())).await?;
    same!(
        (rows.as_slice(), left),
        (&[Number { n: 1 }][..], Number { n: 2 })
    );
    Ok(())
}

/// An error in a batch names the statement, and is found before anything is sent if possible.
pub async fn in_a_batch_with_errors(env: Env) -> Outcome {
    let db = &env.db;
    let located = |error: Option<Error>| {
        let error = error.ok_or("the batch must fail")?;
        let committed = error.is_committed();
        Ok::<_, &str>((error.query(), error.batch_index(), error.kind(), committed))
    };

    let unbound = db.unchecked("SELECT ? AS n").named("unbound");
    let error = db
        .batch((db.note("a", 1), unbound.one::<Number>()))
        .await
        .err();
    let invalid = ErrorKind::InvalidArgument;
    same!(located(error)?, (Some("unbound"), Some(1), invalid, false));

    let wrong = || {
        db.unchecked("SELECT 1 AS wrong")
            .named("wrong")
            .all::<Number>()
    };
    let error = db.batch((db.note("a", 1), wrong())).await.err();
    same!(
        located(error)?,
        (Some("wrong"), Some(1), ErrorKind::Decode, true)
    );
    let error = db.batch((db.users(), wrong())).await.err();
    same!(
        located(error)?,
        (Some("wrong"), Some(1), ErrorKind::Decode, false)
    );
    same!(db.noted().await?.len(), 1);

    let broken = db.unchecked("SELECT n FROM nowhere").named("broken");
    let error = db
        .batch((db.note("b", 1), broken.all::<Number>()))
        .await
        .err();
    let error = error.ok_or("there is no such table")?;
    same!((error.kind(), error.is_committed()), (invalid, false));
    same!(error.message().contains("`broken`"), true);
    same!(db.noted().await?.len(), 1);
    Ok(())
}

/// Observers receive an event as for other queries.
pub async fn measured(env: Env) -> Outcome {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let observed = Arc::clone(&lines);
    env.observe(move |event: &Event<'_>| {
        let line = format!(
            "{} {:?} {:?}",
            event.name(),
            event.query,
            event.measures.count
        );
        if let Ok(mut lines) = observed.lock() {
            lines.push(line);
        }
    });

    let db = &env.db;
    let sql = "SELECT 1 AS n UNION ALL SELECT 2";
    db.unchecked(sql).all::<Number>().await?;
    db.unchecked(sql).named("numbers").one::<Number>().await?;
    let _ = db.unchecked("SELECT ?").execute().await;
    let twice = "SELECT 1 AS n, 2 AS n";
    let (kind, _) = failed(db.unchecked(twice).one::<Number>().await)?;
    same!(kind, ErrorKind::Decode);

    let lines = lines.lock().map_err(|_| "the observer panicked")?;
    let expected = [
        "cloudflare.d1.query.success Some(\"unchecked\") Some(2)",
        "cloudflare.d1.query.success Some(\"numbers\") Some(1)",
        "cloudflare.d1.query.error Some(\"unchecked\") None",
        "cloudflare.d1.query.error Some(\"unchecked\") None",
    ];
    same!(*lines, expected);
    Ok(())
}
