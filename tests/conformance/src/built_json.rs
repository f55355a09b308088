//! D1: columns whose JSON the statement builds.

use std::collections::BTreeMap;

use bindery::ErrorKind;
use serde_json::{json, to_value};

use crate::bindings::db::{
    AddLooseParams, ItemsKind, NestedJson, NestedJsonItem, NestedJsonParent, query,
};
use crate::{Env, Outcome, same};

/// Values of every type, in the objects of a list.
pub async fn every_type(env: Env) -> Outcome {
    env.db.fill_items().await?;
    let trees = env.db.item_trees().await?;
    same!(trees.len(), 2);

    let [second, third] = trees[0].children.as_slice() else {
        return Err("expected two children".into());
    };
    same!(
        (second.id, second.kind, second.ready),
        (2, ItemsKind::Small, false)
    );
    same!(second.name.as_str(), "\0\n\u{1f}é😀");
    same!((second.size, second.note.as_deref()), (None, Some("[1]")));
    same!((second.settings.as_str(), second.raw.as_str()), ("5", "5"));
    same!(&second.label, &(2, second.name.clone()));
    same!((third.name.as_str(), third.size), ("", Some(-1e300)));
    same!(
        (third.settings.as_str(), third.raw.as_str()),
        ("\"text\"", "\"text\"")
    );

    // A column of D1 would round it.
    let large = &trees[1].children[0];
    same!(
        (large.id, large.kind, large.size),
        (9_007_199_254_740_993, ItemsKind::Big, Some(5.0))
    );
    same!(
        to_value(large)?,
        json!({
            "id": 9_007_199_254_740_993_i64, "name": "large", "kind": "big", "ready": false,
            "size": 5.0, "note": "n", "settings": "{}", "raw": "{}",
            "label": [9_007_199_254_740_993_i64, "large"],
        })
    );
    same!(
        env.db.item_names().await?,
        r#"["a \"quoted\" \\ name","\u0000\n\u001fé😀","","large"]"#
    );
    Ok(())
}

/// Nested arrays and objects, with and without the subtype of JSON.
pub async fn nested_values(env: Env) -> Outcome {
    env.db.fill_items().await?;
    let rows: Vec<NestedJson> = env.db.nested_json().await?;
    let first: &NestedJsonItem = &rows[0].item;
    same!(first.direct, (1, Some(0.1)));
    same!(
        first.subquery,
        [Some("[1]".to_owned()), Some(String::new())]
    );
    let sizes = [("k2".to_owned(), None), ("k3".to_owned(), Some(-1e300))];
    same!(first.map, BTreeMap::from(sizes));

    let parents = rows.iter().map(|row| row.parent.as_ref());
    let parents: Vec<Option<i64>> = parents
        .map(|parent: Option<&NestedJsonParent>| parent.map(|parent| parent.parent))
        .collect();
    same!(parents, [None, Some(1), Some(1)]);
    same!(
        rows[2].item.subquery.is_empty() && rows[2].item.map.is_empty(),
        true
    );
    Ok(())
}

/// FILTER excludes the row of NULLs of an outer join.
pub async fn in_outer_joins(env: Env) -> Outcome {
    env.db.fill_items().await?;
    let owners = env.db.owners_with_items().await?;
    let ids = owners.iter().map(|owner| {
        let items = owner.items.iter().map(|item| item.id);
        (owner.id, items.collect::<Vec<i64>>())
    });
    let expected = [
        (1, vec![2, 3]),
        (2, vec![9_007_199_254_740_993]),
        (3, vec![]),
    ];
    same!(ids.collect::<Vec<_>>(), expected);
    Ok(())
}

/// An inline query, whose enums are texts.
pub async fn in_inline_queries(env: Env) -> Outcome {
    env.db.fill_items().await?;
    let rows = query!(
        env.db,
        "SELECT json_group_array(json_object('kind', kind, 'ready', ready)) AS kinds
         FROM items WHERE id = :id",
        id = 1
    );
    let kinds = rows.one().await?.kinds;
    same!(
        (kinds[0].kind.as_str(), kinds[0].ready, kinds.len()),
        ("big", true, 1)
    );
    let scalar = query!(env.db, "SELECT json_array(1) AS list").scalar();
    same!(scalar.one().await?, "[1]");
    Ok(())
}

/// A value that does not have its declared type, and one that JSON cannot represent.
pub async fn invalid_json(env: Env) -> Outcome {
    env.db.add_loose(AddLooseParams::new(1, "a secret")).await?;
    let error = env.db.untyped_json(1).await.err().ok_or("an error")?;
    same!(error.kind(), ErrorKind::Decode);
    let text = error.to_string();
    same!(text.contains("`loose`: expected INTEGER, found TEXT"), true);
    same!(text.contains("secret"), false);

    let infinite = env.db.infinite_json().await;
    same!(
        infinite.err().map(|error| error.kind()),
        Some(ErrorKind::Decode)
    );
    Ok(())
}
