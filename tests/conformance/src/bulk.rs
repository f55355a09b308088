//! D1: the rows of a slice.

use bindery::ErrorKind;
use bindery::d1::Value;
use bindery::error::Constraint;

use crate::bindings::db::{
    self, AddHalvesParams, AddPostsParams, AddUserParams, AddUsersParams, SaveUsersParams,
};
use crate::{Env, Outcome, random_reals, same};

/// What a row stores, and with which types.
async fn stored(env: &Env) -> bindery::Result<Vec<String>> {
    let sql = "SELECT name IS NULL OR typeof(name) AS a, age IS NULL OR typeof(age) AS b, \
               typeof(score) || typeof(admin) || typeof(avatar) || typeof(anything) AS c \
               FROM users ORDER BY id";
    let rows: Vec<(Value, Value, String)> = {
        #[derive(bindery::Row)]
        struct Types {
            a: Value,
            b: Value,
            c: String,
        }
        let rows = env.db.unchecked(sql).all::<Types>().await?;
        rows.into_iter().map(|row| (row.a, row.b, row.c)).collect()
    };
    let users = env.db.users().await?;
    let users = users.into_iter().zip(rows);
    Ok(users
        .map(|(user, types)| format!("{:?} {types:?}", db::Users { id: 0, ..user }))
        .collect())
}

/// Every value is stored as by one INSERT for each row: values that SQLite reads as they are in
/// JSON, and others.
pub async fn values_of_rows(env: Env) -> Outcome {
    let names = [
        None,
        Some(""),
        Some("a'\"\\\n\u{0}\u{e9}"),
        Some("7"),
        Some("1e3"),
    ];
    let avatars: [Option<&[u8]>; 5] = [None, Some(&[]), Some(b"a"), Some(&[0]), Some(&[255; 300])];
    let ages = [None, Some(0), Some(9_007_199_254_740_991), Some(1), Some(5)];
    let plain = [
        None,
        Some(Value::Integer(7)),
        Some(Value::Real(-3e15)),
        Some(Value::Text("\u{0}\"\u{1f600}".to_owned())),
        Some(Value::Integer(-9_007_199_254_740_991)),
    ];
    let others = [Some(Value::Real(0.1)), Some(Value::Blob(vec![0, 255]))];
    let emails: Vec<String> = (0..40).map(|number| format!("user{number}")).collect();
    let reals = random_reals(40);

    for is_plain in [true, false] {
        let row = |(index, email): (usize, _)| {
            let anything = match index % 8 {
                6 | 7 if !is_plain => others[index % 2].clone(),
                _ => plain[index / 3 % 5].clone(),
            };
            let real = if is_plain {
                index as f64 * 1e9
            } else {
                reals[index]
            };
            AddUsersParams {
                email,
                name: names[index % 5],
                age: ages[index / 5 % 5],
                score: (index % 3 > 0).then_some(real),
                admin: index % 2 == 0,
                avatar: avatars[index / 2 % 5].filter(|_| !is_plain),
                anything,
            }
        };
        let emails = || emails.iter().map(String::as_str);
        let rows: Vec<AddUsersParams<'_>> = emails().enumerate().map(row).collect();

        let changes = env.db.add_users(&rows).await?;
        same!((changes.rows, changes.last_row_id), (40, 40));
        let in_bulk = stored(&env).await?;
        for email in emails() {
            env.db.delete_user(email).await?;
        }
        for row in rows {
            let AddUsersParams {
                email,
                name,
                age,
                score,
                admin,
                avatar,
                anything,
            } = row;
            let row = AddUserParams {
                email,
                name,
                age,
                score,
                admin,
                avatar,
                anything,
            };
            env.db.add_user(row).await?;
        }
        let alone = stored(&env).await?;
        for (in_bulk, alone) in in_bulk.iter().zip(&alone) {
            same!(in_bulk, alone);
        }
        same!(in_bulk.len(), 40);
        for email in emails() {
            env.db.delete_user(email).await?;
        }
    }
    Ok(())
}

/// Expressions, ON CONFLICT, and a subquery.
pub async fn expressions_of_rows(env: Env) -> Outcome {
    let save = |email, name| SaveUsersParams { email, name };
    let changes = env.db.save_users(&[save("A", "a"), save("b", "b")]).await?;
    same!(changes.rows, 2);
    env.db
        .save_users(&[save("B", "new"), save("c", "c")])
        .await?;
    let names: Vec<_> = env
        .db
        .users()
        .await?
        .into_iter()
        .map(|user| user.name)
        .collect();
    same!(
        names,
        ["a!", "new!", "c!"].map(|name| Some(name.to_owned()))
    );

    let posts = [
        AddPostsParams {
            email: "a",
            title: "first",
        },
        AddPostsParams {
            email: "b",
            title: "second",
        },
    ];
    same!(env.db.add_posts(&posts).await?.rows, 2);
    same!(env.db.posts_by_author().await?.len(), 3);

    env.db
        .add_halves(&[AddHalvesParams {
            email: "half",
            number: 5,
        }])
        .await?;
    let half = env
        .db
        .user_by_email("half")
        .await?
        .and_then(|user| user.anything);
    same!(half, Some(Value::Real(2.5)));
    Ok(())
}

/// All rows are stored, or none, also in several statements and in a batch.
pub async fn bulk_is_one_transaction(env: Env) -> Outcome {
    let long = "x".repeat(1000);
    let emails: Vec<String> = (0..3000).map(|number| format!("{number}{long}")).collect();
    let save = |email| SaveUsersParams { email, name: "" };
    let rows: Vec<_> = emails.iter().map(|email| save(email)).collect();
    same!(env.db.save_users(&rows).await?.rows, 3000);
    same!(env.db.count_users().await?, 3000);

    let user = |email| AddUsersParams::new(email, false);
    let mut rows: Vec<_> = (0..1500)
        .map(|number| format!("new{number}{long}"))
        .collect();
    rows.push(emails[0].clone());
    let rows: Vec<_> = rows.iter().map(|email| user(email)).collect();
    let failed = env.db.add_users(&rows).await;
    same!(
        failed.map_err(|error| error.kind()),
        Err(ErrorKind::Constraint(Constraint::Unique))
    );
    same!(env.db.count_users().await?, 3000);

    same!(
        env.db.add_users(&[]).await?,
        bindery::d1::Changes::default()
    );
    let (added, count) = env
        .db
        .batch((env.db.add_users(&rows[..2]), env.db.count_users()))
        .await?;
    same!((added.rows, count), (2, 3002));

    let invalid = AddUsersParams {
        age: Some(1 << 53),
        ..user("large")
    };
    let error = env
        .db
        .add_users(&[user("small"), invalid])
        .await
        .err()
        .ok_or("it is not exact")?;
    same!(error.kind(), ErrorKind::InvalidArgument);
    same!(error.message().contains("row 2: the value exceeds"), true);
    same!(env.db.count_users().await?, 3002);
    Ok(())
}
