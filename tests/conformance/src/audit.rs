//! The audit log.

use bindery::web::{AuditEntry, AuditOutcome};
use bindery::{Error, ErrorKind};
use http::HeaderMap;

use crate::{Env, Outcome, same};

/// A row of the log.
#[derive(Debug, PartialEq, bindery::Row)]
struct Entry {
    actor: Option<String>,
    action: String,
    object: Option<String>,
    outcome: String,
    request_id: Option<String>,
    age: f64,
}

const ENTRIES: &str = "SELECT actor, action, object, outcome, request_id,
    abs(julianday('now') - julianday(time)) * 86400.0 AS age FROM audit_log ORDER BY id";

/// An entry is stored with the change that it describes, or not at all.
pub async fn entries_of_changes(env: Env) -> Outcome {
    same!(
        include_str!("../migrations/0009_audit_log.sql").trim(),
        AuditEntry::TABLE
    );
    let mut headers = HeaderMap::new();
    headers.insert("cf-ray", "8f1a2b3c4d5e6f70-TXL".parse()?);
    let entry = AuditEntry::new("note.add").actor("ann").object("note:1");
    let entry = entry.request(&headers);
    let add = || env.db.note("a note", 1);
    env.db.batch((add(), entry.insert(&env.db))).await?;

    let denied: Result<(), Error> = Err(Error::new(ErrorKind::Forbidden, "no"));
    let failed: Result<(), Error> = Err(Error::new(ErrorKind::Internal, "no"));
    same!(AuditOutcome::from(&Ok(())), AuditOutcome::Success);
    for result in [&denied, &failed] {
        let entry = AuditEntry::new("note.read").outcome(result);
        entry.insert(&env.db).await?;
    }

    // A batch that fails stores neither.
    let invalid = env
        .db
        .unchecked("INSERT INTO audit_log (id) VALUES (1)")
        .execute();
    let entry = AuditEntry::new("note.lost").insert(&env.db);
    same!(env.db.batch((add(), entry, invalid)).await.is_err(), true);
    same!(env.db.noted().await?.len(), 1);

    let rows: Vec<Entry> = env.db.unchecked(ENTRIES).all().await?;
    let found: Vec<_> = rows
        .iter()
        .map(|row| {
            let names = (
                row.actor.as_deref(),
                row.action.as_str(),
                row.object.as_deref(),
            );
            (names, row.outcome.as_str(), row.request_id.as_deref())
        })
        .collect();
    let expected = [
        (
            (Some("ann"), "note.add", Some("note:1")),
            "success",
            Some("8f1a2b3c4d5e6f70-TXL"),
        ),
        ((None, "note.read", None), "denied", None),
        ((None, "note.read", None), "failure", None),
    ];
    same!(found, expected);
    same!(rows.iter().all(|row| row.age < 60.0), true);

    // The log is for adding.
    let changes = [
        "UPDATE audit_log SET actor = 'bob'",
        "REPLACE INTO audit_log SELECT id, time, 'bob', action, object, outcome, NULL FROM audit_log",
    ];
    for sql in changes {
        let error = env.db.unchecked(sql).execute().await.err();
        let message = error.as_ref().map(Error::message).unwrap_or_default();
        let expected = "an entry of the audit log cannot be changed";
        same!((sql, message.contains(expected)), (sql, true));
    }
    Ok(())
}

/// An entry can depend on what the statement before it has changed.
pub async fn entries_of_nothing(env: Env) -> Outcome {
    env.db.note("a note", 1).await?;
    let delete = |body: &'static str| {
        let delete = env.db.unchecked("DELETE FROM received WHERE body = ?1");
        delete.bind(body).execute()
    };
    for body in ["a note", "a note", "another"] {
        let entry = AuditEntry::new("note.delete").object(body).if_changed();
        env.db.batch((delete(body), entry.insert(&env.db))).await?;
    }
    let rows: Vec<Entry> = env.db.unchecked(ENTRIES).all().await?;
    let objects: Vec<_> = rows.iter().map(|row| row.object.as_deref()).collect();
    same!(objects, [Some("a note")]);
    Ok(())
}

/// An entry is a data point, too.
pub async fn entries_as_data_points(env: Env) -> Outcome {
    let entry = AuditEntry::new("note.add").actor("ann").object("note:1");
    entry.write(&env.events).await?;
    let long = AuditEntry::new("note.add").object("x".repeat(20_000));
    let error = long.write(&env.events).await.err();
    same!(error.map(|error| error.kind()), Some(ErrorKind::TooLarge));
    Ok(())
}
