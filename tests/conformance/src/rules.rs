//! D1: the functions, pragmas, constraints and limits of its SQLite.

use bindery::ErrorKind;
use bindery::d1::Value;
use bindery::error::Constraint;
use serde_json::{json, to_value};

use crate::bindings::db;
use crate::{Env, Outcome, same};

/// A number that SQLite converts to text is a REAL. Where SQLite needs an integer, it is one.
pub async fn numbers_as_text(env: Env) -> Outcome {
    let row = env.db.texts(2).await?;
    same!(
        (row.text.as_str(), row.json.as_str()),
        ("2.0", r#"{"n":2.0}"#)
    );
    same!((row.rest.as_str(), row.printed.as_str()), ("bc", "2"));
    Ok(())
}

/// The functions that D1 allows, window functions and recursive queries return SQLite's values.
pub async fn functions(env: Env) -> Outcome {
    same!(
        to_value(env.db.math().await?)?,
        json!({
            "power": 1024.0, "root": 4.0, "remainder": -1.0, "up": 2.0, "zero": -1.0, "ten": 2.0,
            "two": 3.0, "three": 3.0, "sign": -1, "degrees": 180.0,
        })
    );
    same!(
        to_value(env.db.words().await?)?,
        json!({
            "joined": "a-b", "formatted": "002.3", "hex": "00FF", "code": 128_512, "bytes": 2,
            "place": 3, "quoted": "'it''s'", "upper": "\u{e9}", "choice": "no", "trimmed": "a",
        })
    );
    same!(
        to_value(env.db.times().await?)?,
        json!({
            "epoch": "1970-01-01 00:00:00", "week": "2026-46", "seconds": 946_684_800,
            "difference": "+0000-00-01 00:00:00.000", "day": 2_451_544.5,
        })
    );
    same!(
        to_value(env.db.json_values().await?)?,
        json!({
            "extracted": "c", "arrow": 1, "list": [1, "x", null], "patched": r#"{"a":1,"b":2}"#,
            "kind": "array", "binary": r#"{"a":1}"#, "each": "1+2+3",
        })
    );

    let windows = env.db.windows().await?;
    let windows: Vec<_> = windows
        .iter()
        .map(|row| (row.i, row.place, row.running, row.previous))
        .collect();
    same!(
        windows,
        [
            (1, 4, 1, None),
            (2, 3, 3, Some(1)),
            (3, 2, 6, Some(2)),
            (4, 1, 10, Some(3))
        ]
    );
    same!(env.db.many_values().await?.count, 10);
    Ok(())
}

/// Pragmas that read are queries, as statements and as table functions.
pub async fn pragmas(env: Env) -> Outcome {
    let columns = env.db.columns_of_users().await?;
    same!((columns.len(), columns[0].name.as_str()), (8, "id"));
    let columns = env.db.columns_of("posts").await?;
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    same!(names, ["id", "author", "title", "likes"]);
    Ok(())
}

/// A full-text table finds words, and a malformed search is an invalid argument.
pub async fn full_text_search(env: Env) -> Outcome {
    for (title, body) in [("Bees", "they make honey"), ("Ants", "they carry leaves")] {
        env.db.add_article(Some(title), Some(body)).await?;
    }
    let found = env.db.articles_about("honey").await?;
    same!(found.len(), 1);
    same!(
        (found[0].title.as_deref(), found[0].body.as_deref()),
        (Some("Bees"), Some("they make <honey>"))
    );
    // A text of a client that is not a search.
    for text in ["AND", "\"", "nothing:x"] {
        let malformed = env.db.articles_about(text).await;
        same!(
            malformed.map_err(|error| error.kind()),
            Err(ErrorKind::InvalidArgument)
        );
    }
    Ok(())
}

/// Each constraint has its kind: NOT NULL, a PRIMARY KEY, a STRICT type, and RAISE in a trigger.
pub async fn every_constraint(env: Env) -> Outcome {
    let kind = |result: bindery::Result<_>| match result {
        Ok(_) => Err("nothing is violated"),
        Err(error) => match error.kind() {
            ErrorKind::Constraint(constraint) => Ok(constraint),
            _ => Err("another kind of error"),
        },
    };
    let add_user = |email, value| {
        env.db.add_user(db::AddUserParams {
            anything: value,
            ..db::AddUserParams::new(email, false)
        })
    };
    add_user("null", None).await?;
    add_user("text", Some(Value::from("seven"))).await?;
    add_user("fraction", Some(Value::from(1.5))).await?;
    same!(
        kind(env.db.copy_anything("null").await),
        Ok(Constraint::NotNull)
    );
    for (value, column) in [("null", "amount"), ("text", "amount")] {
        let error = env.db.copy_anything(value).await.err().ok_or("an error")?;
        let violation = error.violation().ok_or("a constraint")?;
        same!((value, violation.is_of("ledger", column)), (value, true));
    }
    same!(
        kind(env.db.copy_anything("text").await),
        Ok(Constraint::DataType)
    );
    same!(
        kind(env.db.copy_anything("fraction").await),
        Ok(Constraint::DataType)
    );

    env.db.add_entry(1, 5).await?;
    same!(kind(env.db.add_entry(1, 6).await), Ok(Constraint::Unique));
    let raised = env.db.add_entry(2, -1).await;
    let error = raised.err().ok_or("the trigger rejects it")?;
    same!(error.kind(), ErrorKind::Constraint(Constraint::Other));
    same!(error.message(), "the amount is negative");
    same!(env.db.entries().await?.len(), 1);
    Ok(())
}

/// `PRAGMA defer_foreign_keys` delays the check to the end of the batch.
pub async fn deferred_foreign_keys(env: Env) -> Outcome {
    let db = &env.db;
    let (later, owned) = (db.keys_later(), db.add_owned(2, Some(1)));
    db.batch((later, owned, db.add_entry(1, 5))).await?;
    same!(db.entries().await?.len(), 2);

    let unresolved = db.batch((db.keys_later(), db.add_owned(4, Some(3)))).await;
    let error = unresolved.err().ok_or("there is no row 3")?;
    same!(error.kind(), ErrorKind::Constraint(Constraint::ForeignKey));
    // The pragma ends with its transaction.
    let alone = db.add_owned(4, Some(3)).await.err();
    same!(
        alone.map(|error| error.kind()),
        Some(ErrorKind::Constraint(Constraint::ForeignKey))
    );
    same!(db.entries().await?.len(), 2);
    Ok(())
}

/// Foreign keys cannot be turned off.
pub async fn foreign_keys_stay_on(env: Env) -> Outcome {
    env.db.keys_off().await?;
    let orphan = env.db.add_owned(2, Some(1)).await.err();
    same!(
        orphan.map(|error| error.kind()),
        Some(ErrorKind::Constraint(Constraint::ForeignKey))
    );
    Ok(())
}

/// An infinity is NULL in a result, which a column that is never NULL rejects.
pub async fn infinities(env: Env) -> Outcome {
    let error = env.db.infinity().await.err().ok_or("it is NULL")?;
    same!(error.kind(), ErrorKind::Decode);
    same!(
        error.message(),
        "row 1, column `value`: expected a number, found NULL"
    );
    Ok(())
}

/// A value that SQL creates has a limit too.
pub async fn values_over_the_limit(env: Env) -> Outcome {
    same!(env.db.large_text(1000).await?.bytes, 8000);
    let error = env.db.large_text(2_000_000).await;
    let error = error.err().ok_or("the text has more than 4 MiB")?;
    same!(error.kind(), ErrorKind::TooLarge);
    Ok(())
}

/// Text that is not UTF-8 has replacement characters, and a zero byte ends no text but its length.
pub async fn odd_values(env: Env) -> Outcome {
    let row = env.db.odd_values().await?;
    same!(
        (row.invalid.as_str(), row.zero.as_str()),
        ("a\u{fffd}\u{fffd}", "a\u{0}b")
    );
    same!((row.length, row.huge, row.tiny), (1, 1e300, 1e-320));
    Ok(())
}
