//! D1: rows with nested structs.

use serde_json::json;

use crate::bindings::db::{AddUserParams, PostsWithAuthorsPost, query};
use crate::{Env, Outcome, same};

/// A struct is `None` where an outer join finds no row.
pub async fn structs(env: Env) -> Outcome {
    let db = &env.db;
    let named = AddUserParams {
        name: Some("Ann"),
        ..AddUserParams::new("ann@example.com", true)
    };
    let ann = db.add_user(named).await?.id;
    let bob = db
        .add_user(AddUserParams::new("bob@example.com", false))
        .await?
        .id;
    db.add_post(ann, "first").await?;

    let rows = db.posts_with_authors().await?;
    same!(
        rows.iter().map(|row| row.id).collect::<Vec<_>>(),
        [ann, bob]
    );
    let post: Option<&PostsWithAuthorsPost> = rows[0].post.as_ref();
    same!(
        post.map(|post| (post.title.as_str(), post.likes)),
        Some(("first", 0))
    );
    same!(rows[1].post.is_none(), true);
    same!(rows[0].author.name.as_deref(), Some("Ann"));
    same!((rows[1].author.admin, &rows[1].author.name), (false, &None));

    let row = serde_json::to_value(&rows[1])?;
    same!(
        row,
        json!({
            "id": bob,
            "email": "bob@example.com",
            "post": null,
            "author": { "name": null, "admin": false },
        })
    );

    let inline = query!(
        env.db,
        "SELECT p.title AS \"post.title\", count(*) AS n FROM users u
         LEFT JOIN posts p ON p.author = u.id GROUP BY u.id ORDER BY u.id"
    );
    let rows = inline.await?;
    same!(
        rows[0].post.as_ref().map(|post| post.title.as_str()),
        Some("first")
    );
    same!((rows[1].post.is_none(), rows[1].n), (true, 1));
    Ok(())
}
