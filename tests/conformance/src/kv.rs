//! KV: texts, bytes, typed keys, lists, limits.

use std::time::Duration;

use bindery::ErrorKind;
use bindery::kv::{GetOptions, List, ListOptions, PutOptions};
use serde::{Deserialize, Serialize};

use crate::{Env, Outcome, same};

/// A value with every JSON type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    name: String,
    tags: Vec<String>,
    age: Option<u32>,
    ratio: f64,
}

/// A key with two parts.
#[derive(Debug, bindery::KvKey)]
#[kv(binding = CACHE, key = "profile:{team}:{id}", value = Profile, ttl = "1h")]
pub struct ProfileKey<'a> {
    team: &'a str,
    id: u32,
}

/// A key of doubles.
#[derive(Debug, bindery::KvKey)]
#[kv(binding = OTHER, key = "reals", value = Vec<f64>)]
pub struct Reals;

/// A key of two texts.
#[derive(Debug, bindery::KvKey)]
#[kv(binding = CACHE, key = "{tenant}:{name}", value = usize)]
pub struct LabelKey<'a> {
    tenant: &'a str,
    name: &'a str,
}

/// A key without parts, in another namespace.
#[derive(Debug, bindery::KvKey)]
#[kv(binding = OTHER, key = "settings", value = Vec<i64>)]
pub struct Settings;

fn profile() -> Profile {
    Profile {
        name: "Ann \u{1F600}".to_owned(),
        tags: vec!["a".to_owned(), String::new()],
        age: None,
        ratio: 0.25,
    }
}

/// A value is read as it was put, and is gone after a delete.
pub async fn entries(env: Env) -> Outcome {
    same!(env.cache.get_text("nothing").await?, None);
    env.cache.put_bytes("text", "h\u{e9}llo").await?;
    same!(
        env.cache.get_text("text").await?.as_deref(),
        Some("h\u{e9}llo")
    );
    env.cache.put_bytes("bytes", [0, 255, 128]).await?;
    same!(env.cache.get_bytes("bytes").await?, Some(vec![0, 255, 128]));
    same!(
        env.cache
            .get_text("bytes")
            .await
            .map_err(|error| error.kind()),
        Err(ErrorKind::Decode)
    );
    env.cache.put_bytes("text", "").await?;
    same!(env.cache.get_text("text").await?.as_deref(), Some(""));
    env.cache.delete_named("text").await?;
    env.cache.delete_named("text").await?;
    same!(env.cache.get_text("text").await?, None);
    same!(env.other.get_text("bytes").await?, None);
    Ok(())
}

/// A typed key reads and writes values of its type.
pub async fn typed_keys(env: Env) -> Outcome {
    let key = ProfileKey { team: "red", id: 7 };
    same!(env.cache.get(&key).await?, None);
    env.cache.put(&key, &profile()).await?;
    same!(env.cache.get(&key).await?, Some(profile()));
    same!(env.cache.get_text("profile:red:7").await?.is_some(), true);
    env.other.put(&Settings, &vec![1, 2]).await?;
    same!(env.other.get(&Settings).await?, Some(vec![1, 2]));
    env.cache
        .put_bytes("profile:red:8", "{\"name\": 1}")
        .await?;
    let error = env
        .cache
        .get(&ProfileKey { team: "red", id: 8 })
        .await
        .err()
        .ok_or("it is no profile")?;
    same!(error.kind(), ErrorKind::Decode);
    env.cache.delete(&key).await?;
    same!(env.cache.get(&key).await?, None);
    Ok(())
}

/// Different fields make different keys, whatever text the fields contain.
pub async fn keys_are_distinct(env: Env) -> Outcome {
    let keys = [
        ("a", "b:c"),
        ("a:b", "c"),
        ("a%3Ab", "c"),
        ("", ":"),
        (":", ""),
    ];
    for (index, (tenant, name)) in keys.into_iter().enumerate() {
        env.cache.put(&LabelKey { tenant, name }, &index).await?;
    }
    for (index, (tenant, name)) in keys.into_iter().enumerate() {
        let found = env.cache.get(&LabelKey { tenant, name }).await?;
        same!(found, Some(index));
    }
    same!(env.cache.get_text("a:b:c").await?.as_deref(), Some("0"));
    same!(env.cache.get_text("a%3Ab:c").await?.as_deref(), Some("1"));
    Ok(())
}

/// Numbers are read as they were written, and metadata that JavaScript would round is an error.
pub async fn numbers_keep_every_bit(env: Env) -> Outcome {
    let reals = crate::random_reals(600);
    env.other.put(&Reals, &reals).await?;
    let found = env.other.get(&Reals).await?.ok_or("it was stored")?;
    let bits = |reals: &[f64]| reals.iter().map(|real| real.to_bits()).collect::<Vec<_>>();
    same!(bits(&found), bits(&reals));

    let settings = vec![i64::MAX, i64::MIN, 9_007_199_254_740_993];
    env.other.put(&Settings, &settings).await?;
    same!(env.other.get(&Settings).await?, Some(settings));

    let with = |metadata| PutOptions::default().metadata(metadata);
    let exact = serde_json::json!({ "n": 9_007_199_254_740_991_i64, "r": reals[1] });
    env.cache
        .put_bytes_with("exact", "v", with(exact.clone()))
        .await?;
    let listed = env.cache.list_with(ListOptions::default().prefix("exact"));
    same!(listed.await?.keys[0].metadata.as_ref(), Some(&exact));

    env.cache
        .put_bytes_with("none", "v", with(serde_json::Value::Null))
        .await?;
    let listed = env.cache.list_with(ListOptions::default().prefix("none"));
    same!(listed.await?.keys[0].metadata, None);

    let rounded = with(serde_json::json!([9_007_199_254_740_993_i64]));
    let refused = env.cache.put_bytes_with("rounded", "v", rounded).await;
    same!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    Ok(())
}

/// A cached value is not loaded again, unless it is malformed.
pub async fn read_through(env: Env) -> Outcome {
    let key = ProfileKey {
        team: "blue",
        id: 1,
    };
    let mut loads = 0;
    for _ in 0..3 {
        let found = env.cache.read_through(&key, async || {
            loads += 1;
            Ok::<_, bindery::Error>(Some(profile()))
        });
        same!(found.await?, Some(profile()));
    }
    same!(loads, 1);
    let none = env
        .cache
        .read_through(
            &ProfileKey {
                team: "blue",
                id: 2,
            },
            async || Ok::<_, bindery::Error>(None),
        )
        .await?;
    same!(none, None);
    env.cache.put_bytes("profile:blue:3", "no json").await?;
    let healed = env
        .cache
        .read_through(
            &ProfileKey {
                team: "blue",
                id: 3,
            },
            async || Ok::<_, bindery::Error>(Some(profile())),
        )
        .await?;
    same!(healed, Some(profile()));
    same!(
        env.cache
            .get(&ProfileKey {
                team: "blue",
                id: 3
            })
            .await?,
        Some(profile())
    );
    Ok(())
}

/// Lists have pages, are sorted, and contain metadata.
pub async fn metadata_and_lists(env: Env) -> Outcome {
    let metadata = serde_json::json!({ "kind": "x", "n": [1, null] });
    for number in 0..5 {
        let options = if number == 0 {
            PutOptions::default()
                .metadata(metadata.clone())
                .ttl(Duration::from_secs(600))
        } else {
            PutOptions::default()
        };
        env.cache
            .put_bytes_with(&format!("list/{number}"), "v", options)
            .await?;
    }
    env.cache.put_bytes("other", "v").await?;
    let first = env
        .cache
        .list_with(ListOptions::default().prefix("list/").limit(3))
        .await?;
    same!(
        first
            .keys
            .iter()
            .map(|key| key.name.as_str())
            .collect::<Vec<_>>(),
        ["list/0", "list/1", "list/2"]
    );
    same!(first.keys[0].metadata.as_ref(), Some(&metadata));
    same!(
        (
            first.keys[0].expiration.is_some(),
            first.keys[1].metadata.is_none()
        ),
        (true, true)
    );
    let cursor = first.cursor.ok_or("there is more")?;
    let rest = env
        .cache
        .list_with(
            ListOptions::default()
                .prefix("list/")
                .limit(3)
                .cursor(cursor),
        )
        .await?;
    same!((rest.keys.len(), rest.cursor), (2, None));
    same!(env.cache.list().await?.keys.len(), 6);
    Ok(())
}

/// The limits of the platform are checked before a call.
pub async fn sizes(env: Env) -> Outcome {
    let kind = |result: bindery::Result<()>| result.map_err(|error| error.kind());
    let put = |name: String, options: PutOptions| {
        env.cache
            .put_bytes_with(Box::leak(name.into_boxed_str()), "v", options)
    };
    same!(
        kind(put("k".repeat(512), PutOptions::default()).await),
        Ok(())
    );
    same!(
        kind(put("k".repeat(513), PutOptions::default()).await),
        Err(ErrorKind::TooLarge)
    );
    same!(
        kind(put("\u{e9}".repeat(257), PutOptions::default()).await),
        Err(ErrorKind::TooLarge)
    );
    for name in ["", ".", ".."] {
        same!(
            kind(put(name.to_owned(), PutOptions::default()).await),
            Err(ErrorKind::InvalidArgument)
        );
    }
    let short = PutOptions::default().ttl(Duration::from_secs(59));
    same!(
        kind(put("ttl".to_owned(), short).await),
        Err(ErrorKind::InvalidArgument)
    );
    let heavy = PutOptions::default().metadata("x".repeat(1023).into());
    same!(
        kind(put("metadata".to_owned(), heavy).await),
        Err(ErrorKind::TooLarge)
    );
    let large = vec![0; 25 * 1024 * 1024 + 1];
    same!(
        kind(env.cache.put_bytes("large", &large).await),
        Err(ErrorKind::TooLarge)
    );
    let list = env
        .cache
        .list_with(ListOptions::default().limit(1001))
        .await;
    same!(
        list.map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    let stale = GetOptions::default().cache_ttl(Duration::from_secs(29));
    same!(
        env.cache
            .get_bytes_with("k", stale)
            .await
            .map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    same!(
        env.cache
            .get_text_with("k", stale)
            .await
            .map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    let fresh = GetOptions::default().cache_ttl(Duration::from_secs(30));
    same!(env.cache.get_text_with("nothing", fresh).await?, None);
    Ok(())
}

/// A key is any text, and no part of it has a meaning.
pub async fn any_text_is_a_key(env: Env) -> Outcome {
    let keys = [
        "a/b",
        "a//b",
        "a/../b",
        "./a",
        "...",
        "a b",
        " a ",
        "a?b=1",
        "a#b",
        "a%2Fb",
        "%",
        "a+b",
        "\u{e9}",
        "e\u{301}",
        "\u{1F600}",
        "\\",
        "\"",
        "\n",
        "A",
        "a",
    ];
    for key in keys {
        env.cache.put_bytes(key, key).await?;
    }
    for key in keys {
        same!(env.cache.get_text(key).await?.as_deref(), Some(key));
    }

    let mut listed = env.cache.list().await?.keys;
    listed.sort_by(|left, right| left.name.cmp(&right.name));
    let mut sorted = keys;
    sorted.sort_unstable();
    same!(
        listed.iter().map(|key| &*key.name).collect::<Vec<_>>(),
        sorted
    );
    for key in keys {
        env.cache.delete_named(key).await?;
    }
    same!(env.cache.list().await?.keys.len(), 0);
    Ok(())
}

/// A list is in the order of UTF-8, and a prefix is not a pattern.
pub async fn lists_are_in_byte_order(env: Env) -> Outcome {
    // UTF-16 has another order: U+1F600 before U+FF5E.
    let keys = [
        "B",
        "_%",
        "_a",
        "a",
        "a\u{0}",
        "aa",
        "b",
        "\u{e9}",
        "\u{ff5e}",
        "\u{1F600}",
    ];
    for key in keys.iter().rev() {
        env.cache.put_bytes(key, "v").await?;
    }
    let names = |list: List| -> Vec<String> { list.keys.into_iter().map(|key| key.name).collect() };
    same!(names(env.cache.list().await?), keys);
    let with = |prefix: &str| ListOptions::default().prefix(prefix);
    same!(names(env.cache.list_with(with("_%")).await?), ["_%"]);
    same!(
        names(env.cache.list_with(with("a")).await?),
        ["a", "a\u{0}", "aa"]
    );
    same!(env.cache.list_with(with("")).await?.keys.len(), keys.len());
    same!(env.cache.list_with(with("zzz")).await?, List::default());

    // Pages that the keys fill have no empty page after them.
    let mut options = ListOptions::default().limit(5);
    let mut found = Vec::new();
    for _ in 0..2 {
        let page = env.cache.list_with(options.clone()).await?;
        options.cursor.clone_from(&page.cursor);
        found.extend(names(page));
    }
    same!((options.cursor, found.as_slice() == keys), (None, true));
    Ok(())
}

/// A put replaces the metadata and the expiration of a key too.
pub async fn a_put_replaces_everything(env: Env) -> Outcome {
    let ttl = Duration::from_secs(60);
    let options = PutOptions::default().ttl(ttl).metadata("m".into());
    env.cache.put_bytes_with("key", "old", options).await?;
    let listed = env.cache.list().await?.keys;
    same!(listed[0].metadata, Some("m".into()));
    let end = bindery::time::now() + ttl;
    let end = end.duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let expiration = listed[0].expiration.ok_or("it expires")?;
    same!((end - 5..=end + 1).contains(&expiration), true);

    env.cache.put_bytes("key", "new").await?;
    let listed = env.cache.list().await?.keys;
    same!(
        (listed.len(), &listed[0].metadata, listed[0].expiration),
        (1, &None, None)
    );
    same!(env.cache.get_text("key").await?.as_deref(), Some("new"));
    Ok(())
}

/// The largest value, metadata and list are accepted.
pub async fn the_largest_entries(env: Env) -> Outcome {
    let value = vec![7; 25 * 1024 * 1024];
    env.cache.put_bytes("value", &value).await?;
    same!(env.cache.get_bytes("value").await? == Some(value), true);
    let metadata = PutOptions::default().metadata("x".repeat(1022).into());
    env.cache.put_bytes_with("metadata", "", metadata).await?;
    let options = ListOptions::default().prefix("metadata").limit(1000);
    let listed = env.cache.list_with(options).await?.keys;
    same!(listed[0].metadata, Some("x".repeat(1022).into()));
    Ok(())
}
