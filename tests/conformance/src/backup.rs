//! D1: export and import of rows.

use bindery::d1::{Int64, Value};
use bindery::r2::Content;
use bindery::{Body, ErrorKind};
use futures_util::TryStreamExt;

use crate::bindings::db;
use crate::{Env, Outcome, random_reals, same};

async fn exported(export: bindery::d1::Export<'_>) -> bindery::Result<String> {
    let chunks: Vec<_> = export.try_collect().await?;
    Ok(String::from_utf8_lossy(&chunks.concat()).into_owned())
}

/// Rows with every kind of value, of which some are large.
async fn fill(env: &Env) -> bindery::Result<()> {
    let reals = random_reals(1500);
    let emails: Vec<String> = (0..reals.len())
        .map(|number| format!("user{number}"))
        .collect();
    let users = emails
        .iter()
        .zip(&reals)
        .enumerate()
        .map(|(index, (email, real))| db::AddUsersParams {
            email,
            name: [None, Some("it's\0 \u{e9}\u{1f600}\n"), Some("")][index % 3],
            age: (index % 2 == 0).then_some(index as i64),
            score: Some(*real),
            admin: index % 2 == 0,
            avatar: [None, Some(&[0_u8, 255][..]), Some(&[])][index % 3],
            anything: match index % 4 {
                0 => None,
                1 => Some(Value::Text("7".to_owned())),
                2 => Some(Value::Real(0.5)),
                _ => Some(Value::Blob(vec![7])),
            },
        });
    env.db.add_users(&users.collect::<Vec<_>>()).await?;
    let post = db::AddPostsParams {
        email: "user1",
        title: "a post",
    };
    env.db.add_posts(&[post]).await?;
    for id in [i64::MIN, 0, i64::MAX] {
        env.db.add_id(Int64(id), "an id").await?;
    }
    env.db.fill_marks().await?;
    let large = vec![7; 1_500_000];
    let user = db::AddUserParams {
        avatar: Some(&large),
        ..db::AddUserParams::new("large", true)
    };
    env.db.add_user(user).await?;
    let text = "\u{1}\u{1f600}".repeat(200_000);
    let user = db::AddUserParams {
        name: Some(&text),
        ..db::AddUserParams::new("text", true)
    };
    env.db.add_user(user).await.map(drop)
}

const TABLES: [&str; 4] = ["posts", "users", "ids", "marks"];

async fn clear(env: &Env) -> bindery::Result<()> {
    for table in TABLES {
        env.db
            .unchecked(format!("DELETE FROM {table}"))
            .execute()
            .await?;
    }
    Ok(())
}

/// Every row comes back from R2 as it was.
pub async fn round_trip(env: Env) -> Outcome {
    fill(&env).await?;
    let stored = env
        .storage
        .put(
            "backup.jsonl",
            Content::stream(env.db.export().tables(TABLES)),
        )
        .await?;
    let before = exported(env.db.export().tables(TABLES)).await?;
    same!(stored.size, before.len() as u64);
    same!(before.lines().count() > 1500, true);
    // Posts refer to users.
    let position = |table: &str| before.find(&format!("\"table\":\"{table}\""));
    same!(position("users") < position("posts"), true);
    same!(position("articles"), None);

    clear(&env).await?;
    let backup = env
        .storage
        .get("backup.jsonl")
        .await?
        .ok_or("it is stored")?;
    let imported = env.db.import(backup.body).await?;
    same!(imported.rows, imported.inserted);
    let after = exported(env.db.export().tables(TABLES)).await?;
    for (before, after) in before.lines().zip(after.lines()) {
        if before != after {
            let start = |line: &str| line.chars().take(300).collect::<String>();
            return Err(format!("{}\nis not\n{}", start(after), start(before)).into());
        }
    }
    same!(before.len(), after.len());

    let backup = env
        .storage
        .get("backup.jsonl")
        .await?
        .ok_or("it is stored")?;
    let again = env.db.import(backup.body).skip_existing().await?;
    same!((again.rows, again.inserted), (imported.rows, 0));
    let backup = env
        .storage
        .get("backup.jsonl")
        .await?
        .ok_or("it is stored")?;
    let error = env
        .db
        .import(backup.body)
        .await
        .err()
        .ok_or("the rows exist")?;
    same!(error.is_constraint_violation(), true);
    Ok(())
}

/// The SQL of an export creates the same rows.
pub async fn as_sql(env: Env) -> Outcome {
    env.db
        .add_user(db::AddUserParams {
            name: Some("it's\0"),
            avatar: Some(&[1]),
            score: Some(0.1),
            ..db::AddUserParams::new("a", true)
        })
        .await?;
    env.db.add_id(Int64(i64::MIN), "min").await?;
    let lines = exported(env.db.export().tables(["users", "ids"])).await?;
    let sql = exported(env.db.export().tables(["users", "ids"]).sql()).await?;
    same!(sql.contains("CREATE TABLE users ("), true);
    same!(sql.contains("X'01'"), true);
    clear(&env).await?;
    for statement in sql.lines().filter(|line| line.starts_with("INSERT INTO")) {
        env.db
            .unchecked(statement.trim_end_matches(';').to_owned())
            .execute()
            .await?;
    }
    same!(
        exported(env.db.export().tables(["users", "ids"])).await?,
        lines
    );
    let whole = exported(env.db.export().sql()).await?;
    same!(whole.contains("CREATE TRIGGER ledger_is_positive"), true);
    Ok(())
}

/// What is not an export.
pub async fn invalid_imports(env: Env) -> Outcome {
    let import = async |text: &str| {
        let imported = env.db.import(text).await;
        imported
            .map(|done| (done.rows, done.inserted))
            .map_err(|error| error.kind())
    };
    let invalid = Err(ErrorKind::InvalidArgument);
    same!(import("").await, Ok((0, 0)));
    same!(import("[1]").await, invalid);
    same!(import("{}").await, invalid);
    let header = "{\"table\":\"ids\",\"columns\":[\"id\",\"note\"]}\n";
    same!(
        import(&format!("{header}[1,\"a\"]\n\n[2,\"b\"]")).await,
        Ok((2, 2))
    );
    same!(import(&format!("{header}[3]")).await, invalid);
    same!(import(&format!("{header}[3,true]")).await, invalid);
    same!(import(&format!("{header}nonsense")).await, invalid);
    // In JSON for SQLite, the numbers need more than the 2,000,000 bytes of a parameter.
    let mut numbers =
        "{\"table\":\"users\",\"columns\":[\"email\",\"score\",\"anything\"]}\n".to_owned();
    for number in 0..40_000 {
        numbers += &format!("[\"{number}\",0.1,0.7]\n");
    }
    same!(import(&numbers).await, Ok((40_000, 40_000)));
    let injected = "{\"table\":\"ids\\\"; DROP TABLE ids\",\"columns\":[\"id\"]}\n[1]";
    same!(import(injected).await.is_err(), true);
    let broken = futures_util::stream::iter([Ok("{"), Err(std::io::Error::other("lost"))]);
    let broken = env
        .db
        .import(Content::stream(broken.map_ok(bytes::Bytes::from)))
        .await;
    same!(
        broken.map(drop).map_err(|error| error.kind()),
        invalid.map(drop)
    );
    same!(env.db.ids().await?.len(), 2);
    same!(exported(env.db.export().tables(["missing"])).await?, "");
    same!(env.db.import(Body::empty()).await?.rows, 0);
    Ok(())
}
