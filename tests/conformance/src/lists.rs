//! D1: slices as arguments, numbered parameters, and values instead of rows.

use bindery::ErrorKind;
use bindery::d1::Value;

use crate::bindings::db::{AddUserParams, query};
use crate::{Env, Outcome, random_reals, same};

/// Adds users with these avatars, and returns their ids.
async fn users(env: &Env, avatars: &[&[u8]]) -> bindery::Result<Vec<i64>> {
    let mut ids = Vec::new();
    for (index, avatar) in avatars.iter().enumerate() {
        let email = format!("{index}@example.com");
        let params = AddUserParams {
            avatar: Some(avatar),
            ..AddUserParams::new(&email, index == 0)
        };
        ids.push(env.db.add_user(params).await?.id);
    }
    Ok(ids)
}

/// A list of BLOBs selects the rows that have them, and NOT IN leaves them.
pub async fn of_blobs(env: Env) -> Outcome {
    let avatars: [&[u8]; 4] = [&[0, 255], &[], b"abc", &[7; 3000]];
    let ids = users(&env, &avatars).await?;

    let keep: [&[u8]; 3] = [&[0, 255], &[], &[7; 3000]];
    same!(
        query!(
            env.db,
            "SELECT id FROM users WHERE avatar IN (:keep) ORDER BY id",
            keep = &keep
        )
        .scalar()
        .await?,
        [ids[0], ids[1], ids[3]]
    );
    let deleted = env.db.delete_avatars_except(&keep).await?;
    same!(deleted, [ids[2]]);
    let none: [Vec<u8>; 0] = [];
    same!(env.db.delete_avatars_except(&none).await?.len(), 3);
    Ok(())
}

/// BLOBs of several rows and columns are read as they were stored, in queries and in batches, and
/// beside columns of any type.
pub async fn blobs_of_rows(env: Env) -> Outcome {
    let avatars: [&[u8]; 4] = [&[0, 255], &[], &[7; 3000], &[1]];
    let ids = users(&env, &avatars).await?;
    env.db
        .add_user(AddUserParams::new("none@example.com", false))
        .await?;

    let all = || {
        query!(
            env.db,
            "SELECT avatar, id, avatar || X'21' AS text, avatar AS again,
                 iif(id % 2, avatar, id) AS mixed
             FROM users ORDER BY id"
        )
    };
    let stored = || {
        avatars
            .iter()
            .map(|avatar| Some(avatar.to_vec()))
            .chain([None])
    };
    let mixed: Vec<Option<Value>> = stored()
        .zip(ids[0]..)
        .map(|(avatar, id)| match avatar {
            avatar if id % 2 == 1 => avatar.map(Value::Blob),
            _ => Some(Value::Integer(id)),
        })
        .collect();
    let (first, second) = env.db.batch((all(), all())).await?;
    for rows in [all().await?, first, second] {
        let found: Vec<Option<Vec<u8>>> = rows.iter().map(|row| row.avatar.clone()).collect();
        same!(found, stored().collect::<Vec<_>>());
        let found: Vec<Option<Vec<u8>>> = rows.iter().map(|row| row.again.clone()).collect();
        same!(found, stored().collect::<Vec<_>>());
        let found: Vec<Option<Value>> = rows.into_iter().map(|row| row.mixed).collect();
        same!(found, mixed);
    }
    Ok(())
}

/// Numbers, flags and texts in a list are equal to the stored ones, whatever their bits.
pub async fn of_values(env: Env) -> Outcome {
    let mut scores = random_reals(200);
    scores.extend([0.1, -0.5, 1e300, 5e-324]);
    let names = ["", "a\u{0}b", "a", "\"q\" \\ \u{1F600}", "[1]"];
    for (index, score) in scores.iter().enumerate() {
        let email = format!("{index}@example.com");
        env.db
            .add_user(AddUserParams {
                name: names.get(index).copied(),
                score: Some(*score),
                ..AddUserParams::new(&email, index < 2)
            })
            .await?;
    }

    let found = query!(
        env.db,
        "SELECT count(*) AS n FROM users WHERE score IN (:scores)",
        scores = &scores
    );
    same!(found.scalar().one().await?, i64::try_from(scores.len())?);
    for name in names {
        let only = [name];
        let found = query!(
            env.db,
            "SELECT name AS \"name!\" FROM users WHERE name IN (:only)",
            only = &only
        );
        same!(found.scalar().await?, [name]);
    }
    let admins = query!(
        env.db,
        "SELECT count(*) AS n FROM users WHERE admin IN (:flags)",
        flags = &[true]
    );
    same!(admins.scalar().one().await?, 2);
    Ok(())
}

/// A list for a column of any type can contain each of them.
pub async fn of_any_type(env: Env) -> Outcome {
    let stored = [
        Value::from(7_i64),
        Value::from(0.5),
        Value::from("seven"),
        Value::from(vec![7_u8]),
        Value::from("[\"07\"]"),
    ];
    for (index, value) in stored.iter().enumerate() {
        let email = format!("{index}@example.com");
        env.db
            .add_user(AddUserParams {
                anything: Some(value.clone()),
                ..AddUserParams::new(&email, false)
            })
            .await?;
    }

    for value in &stored {
        let only = [value.clone()];
        let found = query!(
            env.db,
            "SELECT anything FROM users WHERE anything IN (:only)",
            only = &only
        );
        same!(&found.scalar().one().await?, value);
    }
    Ok(())
}

/// A list that is absent is NULL, and an empty one has no items.
pub async fn that_are_absent(env: Env) -> Outcome {
    let ids = users(&env, &[b"a", b"b"]).await?;
    let of = |wanted| env.db.users_among(wanted);

    same!(of(None).await?, ids);
    same!(of(Some(&ids[..1])).await?, ids[..1]);
    same!(of(Some(&[])).await?.len(), 0);
    Ok(())
}

/// Items that D1 cannot bind are errors before the call.
pub async fn with_invalid_items(env: Env) -> Outcome {
    let invalid = |error: Option<bindery::Error>| error.map(|error| error.kind());
    let expected = Some(ErrorKind::InvalidArgument);

    let integers = query!(
        env.db,
        "SELECT id FROM users WHERE id IN (:ids)",
        ids = &[1 << 53]
    );
    same!(invalid(integers.await.err()), expected);
    let reals = query!(
        env.db,
        "SELECT id FROM users WHERE score IN (:s)",
        s = &[f64::INFINITY]
    );
    same!(invalid(reals.await.err()), expected);
    Ok(())
}

/// `?1` is the first argument, wherever it is in the text.
pub async fn numbered_parameters(env: Env) -> Outcome {
    let ids = users(&env, &[b"a"]).await?;
    let name = "Ann";
    query!(
        env.db,
        "UPDATE users SET name = ?2 WHERE id = ?1",
        ids[0],
        Some(name)
    )
    .await?;
    same!(env.db.name_of(ids[0]).await?, Some("Ann".to_owned()));

    env.db.rename_numbered(ids[0], Some("Bob")).await?;
    same!(env.db.name_of(ids[0]).await?, Some("Bob".to_owned()));
    same!(env.db.count_users().await?, 1);
    same!(env.db.email_of(404).await?, None);
    same!(
        env.db
            .batch((env.db.count_users(), env.db.email_of(ids[0])))
            .await?,
        (1, Some("0@example.com".to_owned()))
    );
    Ok(())
}
