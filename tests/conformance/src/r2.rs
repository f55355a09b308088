//! R2: streams in and out, metadata, lists, limits.

use bindery::ErrorKind;
use bindery::r2::{Content, List, ListOptions, PutOptions};
use bytes::Bytes;
use futures_util::stream;

use crate::{Env, Outcome, same};

type Chunk = Result<Bytes, std::io::Error>;

/// An object is read as it was put, with its metadata.
pub async fn objects(env: Env) -> Outcome {
    same!(env.storage.get("nothing").await?.is_none(), true);
    same!(env.storage.head("nothing").await?.is_none(), true);
    let options = PutOptions::default()
        .content_type("text/plain; charset=utf-8")
        .content_disposition("inline")
        .custom_metadata("owner", "Ann \u{1F600}")
        .custom_metadata("n", "1");
    let put = env
        .storage
        .put_with("a/b c/\u{e9}.txt", "hello", options)
        .await?;
    same!(
        (put.size, put.etag.as_str(), put.key.as_str()),
        (5, "5d41402abc4b2a76b9719d911017c592", "a/b c/\u{e9}.txt")
    );
    let head = env
        .storage
        .head("a/b c/\u{e9}.txt")
        .await?
        .ok_or("it is there")?;
    same!(
        head.content_type.as_deref(),
        Some("text/plain; charset=utf-8")
    );
    same!(head.content_disposition.as_deref(), Some("inline"));
    same!(
        head.custom_metadata.get("owner").map(String::as_str),
        Some("Ann \u{1F600}")
    );
    same!(
        (head.size, head.etag, head.uploaded),
        (put.size, put.etag, put.uploaded)
    );
    let object = env
        .storage
        .get("a/b c/\u{e9}.txt")
        .await?
        .ok_or("it is there")?;
    same!(object.text().await?, "hello");
    env.storage.put("empty", "").await?;
    same!(
        env.storage
            .get("empty")
            .await?
            .ok_or("it is there")?
            .bytes()
            .await?
            .len(),
        0
    );
    Ok(())
}

/// A stream of several parts, with chunks that do not align with the parts.
pub async fn streams_in_parts(env: Env) -> Outcome {
    let size = 11 * 1024 * 1024 + 13;
    let byte = |index: usize| (index % 251) as u8;
    let chunks = (0..size)
        .step_by(100_003)
        .map(move |start| -> Chunk { Ok((start..size.min(start + 100_003)).map(byte).collect()) });
    let put = env
        .storage
        .put("large", Content::stream(stream::iter(chunks)))
        .await?;
    same!(put.size, size as u64);
    let back = env
        .storage
        .get("large")
        .await?
        .ok_or("it is there")?
        .bytes()
        .await?;
    same!(back.len(), size);
    same!(
        back.iter()
            .enumerate()
            .all(|(index, found)| *found == byte(index)),
        true
    );
    // Exactly one part.
    let part = vec![7; 5 * 1024 * 1024];
    same!(
        env.storage.put("part", part.clone()).await?.size,
        part.len() as u64
    );
    same!(
        env.storage
            .get("part")
            .await?
            .ok_or("it is there")?
            .bytes()
            .await?
            .len(),
        part.len()
    );
    Ok(())
}

/// A put replaces an object. Deleting a missing object is not an error.
pub async fn replaces_and_deletes(env: Env) -> Outcome {
    env.storage
        .put_with("key", "old", PutOptions::default().content_type("text/old"))
        .await?;
    env.storage.put("key", "new").await?;
    let object = env.storage.get("key").await?.ok_or("it is there")?;
    same!(
        (object.info.size, object.info.content_type.as_deref()),
        (3, None)
    );
    same!(object.text().await?, "new");
    env.storage.delete(&["key", "nothing"]).await?;
    env.storage.delete(&["key"]).await?;
    env.storage.delete::<&str>(&[]).await?;
    same!(env.storage.get("key").await?.is_none(), true);
    Ok(())
}

/// Lists have pages and are sorted.
pub async fn lists(env: Env) -> Outcome {
    for number in [3, 1, 0, 2, 4] {
        let options = PutOptions::default()
            .content_type("text/x")
            .custom_metadata("n", number.to_string());
        env.storage
            .put_with(&format!("list/{number}"), "v", options)
            .await?;
    }
    env.storage.put("other", "v").await?;
    let first = env
        .storage
        .list_with(ListOptions::default().prefix("list/").limit(3))
        .await?;
    same!(
        first
            .objects
            .iter()
            .map(|object| object.key.as_str())
            .collect::<Vec<_>>(),
        ["list/0", "list/1", "list/2"]
    );
    same!(first.objects[1].content_type.as_deref(), Some("text/x"));
    same!(
        first.objects[1]
            .custom_metadata
            .get("n")
            .map(String::as_str),
        Some("1")
    );
    let cursor = first.cursor.ok_or("there is more")?;
    let rest = env
        .storage
        .list_with(
            ListOptions::default()
                .prefix("list/")
                .limit(3)
                .cursor(cursor),
        )
        .await?;
    same!((rest.objects.len(), rest.cursor), (2, None));
    Ok(())
}

/// Content over the limit is not stored, and does not replace the object.
pub async fn too_many_bytes(env: Env) -> Outcome {
    env.storage.put("key", "before").await?;
    let exact = env
        .storage
        .put_with("exact", "12345", PutOptions::default().max_bytes(5))
        .await?;
    same!(exact.size, 5);
    let chunks = (0..70).map(|_| -> Chunk { Ok(Bytes::from(vec![1; 100_000])) });
    let over = env
        .storage
        .put_with(
            "key",
            Content::stream(stream::iter(chunks)),
            PutOptions::default().max_bytes(6_000_000),
        )
        .await;
    same!(over.map_err(|error| error.kind()), Err(ErrorKind::TooLarge));
    same!(
        env.storage
            .get("key")
            .await?
            .ok_or("it is there")?
            .text()
            .await?,
        "before"
    );
    Ok(())
}

/// A stream that fails, in the first part or a later one, does not replace the object.
pub async fn a_stream_that_breaks_off(env: Env) -> Outcome {
    env.storage.put("key", "before").await?;
    for good in [1, 70] {
        let chunks = (0..good).map(|_| -> Chunk { Ok(Bytes::from(vec![1; 100_000])) });
        let broken = chunks.chain([Err(std::io::Error::other("the client is gone"))]);
        let put = env
            .storage
            .put("key", Content::stream(stream::iter(broken)))
            .await;
        let error = put.err().ok_or("the stream broke off")?;
        same!(error.kind(), ErrorKind::InvalidArgument);
        same!(error.message().contains("the client is gone"), true);
    }
    same!(
        env.storage
            .get("key")
            .await?
            .ok_or("it is there")?
            .text()
            .await?,
        "before"
    );
    Ok(())
}

/// The limits of the platform are checked before a call.
pub async fn bounds(env: Env) -> Outcome {
    let storage = &env.storage;
    let put = async |key: &str, options: PutOptions| {
        storage
            .put_with(key, "v", options)
            .await
            .map(drop)
            .map_err(|error| error.kind())
    };
    same!(put(&"k".repeat(1024), PutOptions::default()).await, Ok(()));
    same!(
        put(&"k".repeat(1025), PutOptions::default()).await,
        Err(ErrorKind::TooLarge)
    );
    same!(
        put("", PutOptions::default()).await,
        Err(ErrorKind::InvalidArgument)
    );
    same!(
        put(
            "m",
            PutOptions::default().custom_metadata("x", "y".repeat(8192))
        )
        .await,
        Err(ErrorKind::TooLarge)
    );
    let keys = vec!["k"; 1001];
    same!(
        storage.delete(&keys).await.map_err(|error| error.kind()),
        Err(ErrorKind::TooLarge)
    );
    let list = storage.list_with(ListOptions::default().limit(0)).await;
    same!(
        list.map(drop).map_err(|error| error.kind()),
        Err(ErrorKind::InvalidArgument)
    );
    Ok(())
}

/// A key is any text, and no part of it has a meaning.
pub async fn keys_of_any_text(env: Env) -> Outcome {
    let keys = [
        ".",
        "..",
        "a/b",
        "a//b",
        "a/../b",
        "./a",
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
        env.storage.put(key, key).await?;
    }
    for key in keys {
        let object = env.storage.get(key).await?.ok_or("it is there")?;
        same!(object.info.key, key);
        same!(object.text().await?, key);
    }
    same!(env.storage.list().await?.objects.len(), keys.len());
    env.storage.delete(&keys).await?;
    same!(env.storage.list().await?.objects.len(), 0);
    Ok(())
}

/// A list is in the order of UTF-8, and a prefix is not a pattern.
pub async fn objects_in_byte_order(env: Env) -> Outcome {
    // UTF-16 has another order: U+1F600 before U+FF5E.
    let keys = [
        "B",
        "_%",
        "_a",
        "a",
        "aa",
        "b",
        "\u{e9}",
        "\u{ff5e}",
        "\u{1F600}",
        "\u{1F601}",
    ];
    for key in keys.iter().rev() {
        env.storage.put(key, "v").await?;
    }
    let names =
        |list: List| -> Vec<String> { list.objects.into_iter().map(|object| object.key).collect() };
    same!(names(env.storage.list().await?), keys);
    let with = |prefix: &str| ListOptions::default().prefix(prefix);
    same!(names(env.storage.list_with(with("_%")).await?), ["_%"]);
    same!(names(env.storage.list_with(with("a")).await?), ["a", "aa"]);
    same!(
        names(env.storage.list_with(with("zzz")).await?).is_empty(),
        true
    );

    // Pages that the keys fill have no empty page after them.
    let mut options = ListOptions::default().limit(5);
    let mut found = Vec::new();
    for _ in 0..2 {
        let page = env.storage.list_with(options.clone()).await?;
        options.cursor.clone_from(&page.cursor);
        found.extend(names(page));
    }
    same!((options.cursor, found.as_slice() == keys), (None, true));
    Ok(())
}

/// The largest list and delete are accepted, and the most metadata that Miniflare accepts.
pub async fn the_largest_calls(env: Env) -> Outcome {
    let options = PutOptions::default().custom_metadata("n", "x".repeat(2047));
    env.storage.put_with("m", "v", options).await?;
    let head = env.storage.head("m").await?.ok_or("it is there")?;
    same!(head.custom_metadata["n"].len(), 2047);
    let options = ListOptions::default().limit(1000);
    same!(env.storage.list_with(options).await?.objects.len(), 1);

    let keys: Vec<String> = (0..999).map(|number| number.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).chain(["m"]).collect();
    env.storage.delete(&keys).await?;
    same!(env.storage.head("m").await?.is_none(), true);
    Ok(())
}
