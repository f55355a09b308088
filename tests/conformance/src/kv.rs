//! KV: keys of every codec, metadata, expirations, bulk reads, streams, lists, limits.

use std::borrow::Cow;
use std::time::Duration;

use bindery::ErrorKind;
use bindery::kv::{self, Codec, Content, GetOptions, KvKey, Page, ParseKey, PutOptions};
use bindery::time;
use futures_util::{StreamExt, TryStreamExt};
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
#[kv(binding = CACHE, key = "profile:{team}:{id}", value = Profile, ttl = "1h", cache_ttl = "30s")]
pub struct ProfileKey<'a> {
    team: &'a str,
    id: u32,
}

/// A key of doubles.
#[derive(Debug, bindery::KvKey)]
#[kv(binding = OTHER, key = "reals", value = Vec<f64>)]
pub struct Reals;

/// A key of two texts.
#[derive(Debug, PartialEq, bindery::KvKey)]
#[kv(binding = CACHE, key = "{tenant}:{name}", value = usize)]
pub struct LabelKey {
    tenant: String,
    name: String,
}

/// A key without parts, in another namespace.
#[derive(Debug, bindery::KvKey)]
#[kv(binding = OTHER, key = "settings", value = Vec<i64>)]
pub struct Settings;

/// The metadata of a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    title: String,
    members: u32,
}

/// A room of a chat, under a key of its own.
#[derive(Debug, PartialEq, bindery::KvKey)]
#[kv(binding = CACHE, key = "room:{floor}/{id}.json", value = Profile, metadata = Summary)]
pub struct RoomKey {
    floor: i32,
    id: String,
}

/// A counter, as the codec of the application stores it.
#[derive(Debug)]
pub struct Counter;

impl Codec for Counter {
    type Value = u64;
    type Input = u64;

    fn encode(value: &u64) -> Result<Cow<'_, [u8]>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Cow::Owned(value.to_le_bytes().to_vec()))
    }

    fn decode(bytes: Vec<u8>) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
        let bytes: [u8; 8] = bytes.try_into().map_err(|_| "a counter has 8 bytes")?;
        Ok(u64::from_le_bytes(bytes))
    }
}

/// A key of a counter.
#[derive(Debug, bindery::KvKey)]
#[kv(binding = CACHE, key = "counter:{name}", codec = Counter)]
pub struct CounterKey {
    name: String,
}

fn profile() -> Profile {
    Profile {
        name: "Ann \u{1F600}".to_owned(),
        tags: vec!["a".to_owned(), String::new()],
        age: None,
        ratio: 0.25,
    }
}

fn kind<T>(result: bindery::Result<T>) -> Result<T, ErrorKind> {
    result.map_err(|error| error.kind())
}

fn names<K: KvKey>(page: Page<K>) -> Vec<String> {
    page.keys.into_iter().map(|key| key.name).collect()
}

/// A value is read as it was put, and is gone after a delete.
pub async fn entries(env: Env) -> Outcome {
    let cache = &env.cache;
    let (text, bytes) = (kv::text("text"), kv::bytes("bytes"));
    same!(cache.get(&kv::text("nothing")).await?, None);
    cache.put(&text, "h\u{e9}llo").await?;
    same!(cache.get(&text).await?.as_deref(), Some("h\u{e9}llo"));
    cache.put(&bytes, &[0, 255, 128]).await?;
    same!(cache.get(&bytes).await?, Some(vec![0, 255, 128]));
    same!(
        kind(cache.get(&kv::text("bytes")).await),
        Err(ErrorKind::Decode)
    );

    cache.put(&text, "").await?;
    same!(cache.get(&text).await?.as_deref(), Some(""));
    let json = kv::json::<Vec<u8>>("json");
    cache.put(&json, &vec![1, 2]).await?;
    same!(
        cache.get(&kv::text("json")).await?.as_deref(),
        Some("[1,2]")
    );
    same!(cache.get(&json).await?, Some(vec![1, 2]));

    cache.delete(&text).await?;
    cache.delete(&text).await?;
    same!(cache.get(&text).await?, None);
    same!(env.other.get(&bytes).await?, None);
    Ok(())
}

/// A typed key reads and writes values of its type.
pub async fn typed_keys(env: Env) -> Outcome {
    let key = ProfileKey { team: "red", id: 7 };
    same!(env.cache.get(&key).await?, None);
    env.cache.put(&key, &profile()).await?;
    same!(env.cache.get(&key).await?, Some(profile()));
    let text = env.cache.get(&kv::text("profile:red:7")).await?;
    same!(text.is_some(), true);
    env.other.put(&Settings, &vec![1, 2]).await?;
    same!(env.other.get(&Settings).await?, Some(vec![1, 2]));

    let malformed = kv::text("profile:red:8");
    env.cache.put(&malformed, "{\"name\": 1}").await?;
    let found = env.cache.get(&ProfileKey { team: "red", id: 8 }).await;
    same!(kind(found), Err(ErrorKind::Decode));
    env.cache.delete(&key).await?;
    same!(env.cache.get(&key).await?, None);
    Ok(())
}

/// A codec of the application decides about the bytes.
pub async fn codecs(env: Env) -> Outcome {
    let name = "visits".to_owned();
    let key = CounterKey { name };
    env.cache.put(&key, &u64::MAX).await?;
    same!(env.cache.get(&key).await?, Some(u64::MAX));
    let bytes = kv::bytes("counter:visits");
    same!(env.cache.get(&bytes).await?, Some(vec![255; 8]));

    env.cache.put(&bytes, b"7 bytes").await?;
    let error = env.cache.get(&key).await.err().ok_or("it has 7 bytes")?;
    same!(error.kind(), ErrorKind::Decode);
    same!(error.message().contains("a counter has 8 bytes"), true);
    let many = env.cache.get_many(&[kv::bytes("counter:visits")]).await?;
    same!(many, [Some(b"7 bytes".to_vec())]);
    Ok(())
}

/// Different fields make different keys, whatever text the fields contain, and are read back.
pub async fn keys_are_distinct(env: Env) -> Outcome {
    let fields = [
        ("a", "b:c"),
        ("a:b", "c"),
        ("a%3Ab", "c"),
        ("", ":"),
        (":", ""),
    ];
    let keys = fields.map(|(tenant, name)| LabelKey {
        tenant: tenant.to_owned(),
        name: name.to_owned(),
    });
    for (index, key) in keys.iter().enumerate() {
        env.cache.put(key, &index).await?;
        same!(LabelKey::parse(&key.name()).as_ref(), Some(key));
    }
    for (index, key) in keys.iter().enumerate() {
        same!(env.cache.get(key).await?, Some(index));
    }
    let text = async |name| env.cache.get(&kv::text(name)).await;
    same!(text("a:b:c").await?.as_deref(), Some("0"));
    same!(text("a%3Ab:c").await?.as_deref(), Some("1"));

    let of_a = env.cache.list(LabelKey::prefix_by_tenant("a")).page();
    same!(names(of_a.await?), ["a:b:c"]);
    same!(RoomKey::parse("room:07/x.json"), None);
    same!(RoomKey::parse("room:7/x.json.json").is_some(), true);
    same!(RoomKey::parse("room:7/x"), None);
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

    let key = kv::text("metadata");
    let metadata = async |metadata| {
        let options = PutOptions::default().metadata(metadata);
        env.cache.put_with(&key, "v", options).await?;
        let entry = env.cache.get_with_metadata(&key).await?;
        let listed = env.cache.list(kv::prefix("metadata")).page().await?;
        let listed = listed.keys.into_iter().next();
        let listed = listed.and_then(|key| key.metadata);
        let entry = entry.and_then(|entry| entry.metadata);
        Ok::<_, bindery::Error>((entry, listed))
    };
    let exact = serde_json::json!({ "n": 9_007_199_254_740_991_i64, "r": reals[1] });
    same!(
        metadata(exact.clone()).await?,
        (Some(exact.clone()), Some(exact))
    );
    same!(metadata(serde_json::Value::Null).await?, (None, None));
    let rounded = serde_json::json!([9_007_199_254_740_993_i64]);
    same!(
        kind(metadata(rounded).await),
        Err(ErrorKind::InvalidArgument)
    );
    Ok(())
}

/// A cached value is not loaded again, unless it is malformed.
pub async fn read_through(env: Env) -> Outcome {
    let key = |id| ProfileKey { team: "blue", id };
    let mut loads = 0;
    for _ in 0..3 {
        let found = env.cache.read_through(&key(1), async || {
            loads += 1;
            Ok::<_, bindery::Error>(Some(profile()))
        });
        same!(found.await?, Some(profile()));
    }
    same!(loads, 1);

    let none = async || Ok::<_, bindery::Error>(None);
    same!(env.cache.read_through(&key(2), none).await?, None);

    env.cache
        .put(&kv::text("profile:blue:3"), "no json")
        .await?;
    let load = async || Ok::<_, bindery::Error>(Some(profile()));
    let healed = env.cache.read_through(&key(3), load).await?;
    same!(healed, Some(profile()));
    same!(env.cache.get(&key(3)).await?, Some(profile()));

    let load = async || Ok::<_, bindery::Error>(Some("loaded".to_owned()));
    let text = kv::text("words");
    let loaded = env.cache.read_through(&text, load).await?;
    same!(loaded.as_deref(), Some("loaded"));
    same!(env.cache.get(&text).await?.as_deref(), Some("loaded"));
    Ok(())
}

/// Many values are read with few calls, in the order of their keys.
pub async fn many_values(env: Env) -> Outcome {
    let keys: Vec<ProfileKey<'_>> = (0..205).map(|id| ProfileKey { team: "t", id }).collect();
    for key in keys.iter().step_by(2) {
        let age = Some(key.id);
        env.cache.put(key, &Profile { age, ..profile() }).await?;
    }
    let found = env.cache.get_many(&keys).await?;
    let ages: Vec<Option<u32>> = found
        .into_iter()
        .map(|found| found.and_then(|profile| profile.age))
        .collect();
    let expected: Vec<Option<u32>> = (0..205).map(|id| (id % 2 == 0).then_some(id)).collect();
    same!(ages, expected);
    same!(env.cache.get_many::<ProfileKey<'_>>(&[]).await?, []);

    // A key twice, a missing one, and bytes that are not UTF-8.
    let names = ["a", "b", "a", "c"];
    env.cache.put(&kv::bytes("a"), &[0xff, 0]).await?;
    env.cache.put(&kv::text("c"), "\u{FFFD}").await?;
    let found = env.cache.get_many(&names.map(kv::bytes)).await?;
    let bytes = Some(vec![0xff, 0]);
    let replaced = Some("\u{FFFD}".as_bytes().to_vec());
    same!(found, [bytes.clone(), None, bytes, replaced]);
    let found = env.cache.get_many(&names.map(kv::text)).await;
    same!(kind(found), Err(ErrorKind::Decode));
    let found = env.cache.get_many(&["c", "b"].map(kv::text)).await?;
    same!(found, [Some("\u{FFFD}".to_owned()), None]);

    let invalid = env.cache.get_many(&["c", ""].map(kv::text)).await;
    same!(kind(invalid), Err(ErrorKind::InvalidArgument));
    Ok(())
}

/// Values that together exceed the limit of one call are read with a call each.
pub async fn many_large_values(env: Env) -> Outcome {
    let value = "x".repeat(9 * 1024 * 1024);
    let names = ["a", "b", "c"];
    for name in names {
        env.cache.put(&kv::text(name), &value).await?;
    }
    let found = env.cache.get_many(&names.map(kv::text)).await?;
    let lengths: Vec<usize> = found.iter().flatten().map(String::len).collect();
    same!(lengths, [value.len(); 3]);
    Ok(())
}

/// A map with a key for each entry: its entries are read with their typed metadata.
pub async fn a_map_of_entries(env: Env) -> Outcome {
    let key = |floor, id: &str| RoomKey {
        floor,
        id: id.to_owned(),
    };
    for (floor, id, members) in [(1, "a/b", 1), (-1, "lobby", 2), (1, "z", 3)] {
        let options = PutOptions::default().metadata(Summary {
            title: format!("Room {id}"),
            members,
        });
        env.cache
            .put_with(&key(floor, id), &profile(), options)
            .await?;
    }
    env.cache.put(&kv::text("room"), "not a room").await?;

    let rooms: Vec<_> = env.cache.entries(RoomKey::prefix()).try_collect().await?;
    let found: Vec<_> = rooms
        .iter()
        .map(|room| (room.key(), room.metadata.as_ref().map(|room| room.members)))
        .collect();
    let expected = [
        (Some(key(-1, "lobby")), Some(2)),
        (Some(key(1, "a/b")), Some(1)),
        (Some(key(1, "z")), Some(3)),
    ];
    same!(found, expected);
    same!(rooms.iter().all(|room| room.value == profile()), true);

    let first_floor = env.cache.list(RoomKey::prefix_by_floor(&1));
    let titles: Vec<_> = first_floor
        .map_ok(|room| room.metadata.map(|room| room.title))
        .try_collect()
        .await?;
    same!(
        titles,
        [Some("Room a/b".to_owned()), Some("Room z".to_owned())]
    );

    // An entry whose metadata has another type is an error, and the stream continues after it.
    let options = PutOptions::default().metadata(serde_json::json!("text"));
    let foreign = kv::json::<Profile>("room:1/m.json");
    env.cache.put_with(&foreign, &profile(), options).await?;
    let listed: Vec<_> = env.cache.list(RoomKey::prefix()).collect().await;
    let kinds: Vec<_> = listed
        .into_iter()
        .map(|room| kind(room).map(|room| room.name))
        .collect();
    same!((kinds.len(), &kinds[2]), (4, &Err(ErrorKind::Decode)));
    let entry = env.cache.get_with_metadata(&key(1, "m")).await;
    same!(kind(entry).map(drop), Err(ErrorKind::Decode));
    same!(env.cache.get(&key(1, "m")).await?.is_some(), true);
    Ok(())
}

/// Streams are stored and returned as they are. A stream that fails changes nothing.
pub async fn streams(env: Env) -> Outcome {
    let key = kv::bytes("stream");
    let chunk = |byte: u8| Ok::<_, std::io::Error>(vec![byte; 70_000].into());
    let stream = futures_util::stream::iter((0..10).map(chunk));
    let options = PutOptions::default().metadata(serde_json::json!({ "parts": 10 }));
    env.cache
        .put_body(&key, Content::stream(stream), options)
        .await?;
    let expected: Vec<u8> = (0..10).flat_map(|byte| vec![byte; 70_000]).collect();
    let entry = env.cache.get_with_metadata(&key).await?;
    let entry = entry.ok_or("it is stored")?;
    same!(entry.value == expected, true);
    same!(entry.metadata, Some(serde_json::json!({ "parts": 10 })));

    let body = env.cache.get_body(&key).await?.ok_or("it is stored")?;
    let chunks: Vec<bytes::Bytes> = body.into_data_stream().try_collect().await?;
    same!(chunks.concat() == expected, true);
    let missing = env.cache.get_body(&kv::bytes("missing")).await?;
    same!(missing.is_none(), true);
    env.cache
        .put_body(&kv::text("empty"), "", PutOptions::default())
        .await?;
    let empty = env.cache.get(&kv::text("empty")).await?;
    same!(empty.as_deref(), Some(""));

    // With a known length, which it has.
    let stream = futures_util::stream::iter((0..3).map(chunk));
    let content = Content::stream(stream).with_length(210_000);
    let known = kv::bytes("known");
    let put = env.cache.put_body(&known, content, PutOptions::default());
    put.await?;
    let stored = env.cache.get(&known).await?.ok_or("it is stored")?;
    same!(stored.as_slice() == &expected[..210_000], true);

    let broken = || {
        Content::stream(futures_util::stream::iter([
            Ok(vec![1; 10].into()),
            Err(std::io::Error::other("the connection was lost")),
        ]))
    };
    let short = || Content::stream(futures_util::stream::iter([chunk(1)]));
    let too_short = [
        broken(),
        broken().with_length(20),
        short().with_length(70_001),
        short().with_length(69_999),
    ];
    for content in too_short {
        let put = env.cache.put_body(&key, content, PutOptions::default());
        same!(kind(put.await), Err(ErrorKind::InvalidArgument));
    }
    let large = broken().with_length(25 * 1024 * 1024 + 1);
    let put = env.cache.put_body(&key, large, PutOptions::default());
    same!(kind(put.await), Err(ErrorKind::TooLarge));
    let large = futures_util::stream::iter((0..26).map(|_| {
        let chunk = vec![0; 1024 * 1024];
        Ok::<_, std::io::Error>(chunk.into())
    }));
    let put = env
        .cache
        .put_body(&key, Content::stream(large), PutOptions::default());
    same!(kind(put.await), Err(ErrorKind::TooLarge));
    same!(env.cache.get(&key).await? == Some(expected), true);
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
        let name = format!("list/{number}");
        env.cache.put_with(&kv::text(&name), "v", options).await?;
    }
    env.cache.put(&kv::text("other"), "v").await?;

    let list = || env.cache.list(kv::prefix("list/")).page_size(3);
    let first = list().page().await?;
    same!(first.keys[0].metadata.as_ref(), Some(&metadata));
    same!(
        (
            first.keys[0].expiration.is_some(),
            first.keys[1].metadata.is_none()
        ),
        (true, true)
    );
    let cursor = first.cursor.clone().ok_or("there is more")?;
    same!(names(first), ["list/0", "list/1", "list/2"]);
    let rest = list().cursor(cursor.clone()).page().await?;
    same!((rest.keys.len(), rest.cursor), (2, None));

    let every: Vec<_> = list().map_ok(|key| key.name).try_collect().await?;
    let expected: Vec<String> = (0..5).map(|number| format!("list/{number}")).collect();
    same!(every, expected);
    let rest: Vec<_> = list().cursor(cursor).try_collect().await?;
    same!(rest.len(), 2);
    let every = env.cache.list(kv::prefix("")).page().await?;
    same!(every.keys.len(), 6);
    Ok(())
}

/// The limits of the platform are checked before a call.
pub async fn sizes(env: Env) -> Outcome {
    let put =
        async |name: &str, options| kind(env.cache.put_with(&kv::text(name), "v", options).await);
    let (none, too_large) = (PutOptions::default, Err(ErrorKind::TooLarge));
    let invalid = Err(ErrorKind::InvalidArgument);
    same!(put(&"k".repeat(512), none()).await, Ok(()));
    same!(put(&"k".repeat(513), none()).await, too_large);
    same!(put(&"\u{e9}".repeat(257), none()).await, too_large);
    for name in ["", ".", ".."] {
        same!(put(name, none()).await, invalid);
    }
    let heavy = none().metadata("x".repeat(1023).into());
    same!(put("metadata", heavy).await, too_large);
    let large = vec![0; 25 * 1024 * 1024 + 1];
    same!(
        kind(env.cache.put(&kv::bytes("large"), &large).await),
        too_large
    );

    let list = env.cache.list(kv::prefix("")).page_size(1001).page().await;
    same!(kind(list).map(drop), invalid);
    let list = env.cache.list(kv::prefix("")).page_size(0).page().await;
    same!(kind(list).map(drop), invalid);
    let stale = GetOptions::default().cache_ttl(Duration::from_secs(29));
    same!(
        kind(env.cache.get_with(&kv::bytes("k"), stale).await).map(drop),
        invalid
    );
    let fresh = GetOptions::default().cache_ttl(Duration::from_secs(30));
    same!(env.cache.get_with(&kv::text("nothing"), fresh).await?, None);
    Ok(())
}

/// Values expire after a time, at a time, or never.
pub async fn expirations(env: Env) -> Outcome {
    let put = async |options| kind(env.cache.put_with(&kv::text("k"), "v", options).await);
    let invalid = Err(ErrorKind::InvalidArgument);
    let ttl = |seconds| PutOptions::default().ttl(Duration::from_secs_f64(seconds));
    let at = |seconds| PutOptions::default().expires_at(time::now() + Duration::from_secs(seconds));
    same!(put(ttl(59.9)).await, invalid);
    same!(put(at(59)).await, invalid);
    let past = PutOptions::default().expires_at(std::time::SystemTime::UNIX_EPOCH);
    same!(put(past).await, invalid);

    let expiration = async |options| {
        put(options).await.map_err(|kind| kind.name())?;
        let page = env.cache.list(kv::prefix("k")).page().await;
        let page = page.map_err(|error| error.kind().name())?;
        Ok::<_, &'static str>(page.keys.first().and_then(|key| key.expiration))
    };
    let in_seconds = |end: Option<std::time::SystemTime>| {
        let left = end?.duration_since(time::now()).ok()?;
        Some(left.as_secs())
    };
    for options in [ttl(3600.9), at(3600)] {
        let left = in_seconds(expiration(options).await?).ok_or("it expires")?;
        same!((3590..=3600).contains(&left), true);
    }
    same!(expiration(PutOptions::default()).await?, None);

    // The TTL of a key, and an option that overrides it.
    let key = ProfileKey { team: "x", id: 1 };
    let expiration = async |options| {
        env.cache.put_with(&key, &profile(), options).await?;
        let page = env.cache.list(ProfileKey::prefix()).page().await?;
        Ok::<_, bindery::Error>(page.keys.first().and_then(|key| key.expiration))
    };
    let of_key = in_seconds(expiration(PutOptions::default()).await?);
    same!(of_key.is_some_and(|left| left > 3500), true);
    let never = PutOptions::default().no_expiration();
    same!(expiration(never).await?, None);
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
        env.cache.put(&kv::text(key), key).await?;
    }
    for key in keys {
        same!(env.cache.get(&kv::text(key)).await?.as_deref(), Some(key));
    }
    let found = env.cache.get_many(&keys.map(kv::text)).await?;
    let found: Vec<&str> = found.iter().flatten().map(String::as_str).collect();
    same!(found, keys);

    let mut listed = names(env.cache.list(kv::prefix("")).page().await?);
    listed.sort();
    let mut sorted = keys;
    sorted.sort_unstable();
    same!(listed, sorted);
    for key in keys {
        env.cache.delete(&kv::text(key)).await?;
    }
    let left = env.cache.list(kv::prefix("")).page().await?;
    same!(left.keys.len(), 0);
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
        env.cache.put(&kv::text(key), "v").await?;
    }
    let list = async |prefix| {
        let page = env.cache.list(kv::prefix(prefix)).page().await?;
        Ok::<_, bindery::Error>(names(page))
    };
    same!(list("").await?, keys);
    same!(list("_%").await?, ["_%"]);
    same!(list("a").await?, ["a", "a\u{0}", "aa"]);
    same!(list("zzz").await?, Vec::<String>::new());

    // Pages that the keys fill have no empty page after them.
    let first = env.cache.list(kv::prefix("")).page_size(5).page().await?;
    let cursor = first.cursor.clone().ok_or("there is more")?;
    let second = env.cache.list(kv::prefix("")).page_size(5).cursor(cursor);
    let second = second.page().await?;
    same!(second.cursor, None);
    let found = [names(first), names(second)].concat();
    same!(found, keys);
    Ok(())
}

/// A put replaces the metadata and the expiration of a key too.
pub async fn a_put_replaces_everything(env: Env) -> Outcome {
    let key = kv::text("key");
    let options = PutOptions::default()
        .ttl(Duration::from_secs(60))
        .metadata("m".into());
    env.cache.put_with(&key, "old", options).await?;
    let listed = env.cache.list(kv::prefix("")).page().await?.keys;
    same!(listed[0].metadata, Some("m".into()));

    env.cache.put(&key, "new").await?;
    let listed = env.cache.list(kv::prefix("")).page().await?.keys;
    same!(
        (listed.len(), &listed[0].metadata, listed[0].expiration),
        (1, &None, None)
    );
    same!(env.cache.get(&key).await?.as_deref(), Some("new"));
    Ok(())
}

/// The largest value, metadata and list are accepted.
pub async fn the_largest_entries(env: Env) -> Outcome {
    let value = vec![7; 25 * 1024 * 1024];
    env.cache.put(&kv::bytes("value"), &value).await?;
    let found = env.cache.get(&kv::bytes("value")).await?;
    same!(found == Some(value), true);

    let metadata: serde_json::Value = "x".repeat(1022).into();
    let options = PutOptions::default().metadata(metadata.clone());
    let key = kv::text("metadata");
    env.cache.put_with(&key, "", options).await?;
    let list = env.cache.list(kv::prefix("metadata")).page_size(1000);
    same!(list.page().await?.keys[0].metadata, Some(metadata));
    Ok(())
}
