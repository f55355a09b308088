//! R2: streams in and out, metadata, lists, limits.

use std::time::Duration;

use axum::http::{HeaderMap, Method};
use bindery::ErrorKind;
use bindery::r2::{
    self, Checksum, Condition, Content, GetOptions, Lookup, ObjectInfo, ParseKey, PutOptions,
    Range, ServeOptions, StorageClass, SweepOptions, UploadedPart,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};

use crate::{Env, Outcome, same};

type Chunk = Result<Bytes, std::io::Error>;

const MIB: usize = 1024 * 1024;

/// The metadata of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileInfo {
    owner: String,
    pages: u32,
    public: bool,
    note: Option<String>,
}

/// The key of a file.
#[derive(Debug, PartialEq, bindery::R2Key)]
#[r2(binding = STORAGE, key = "files/{owner}/{id}.txt", metadata = FileInfo)]
pub struct FileKey {
    owner: String,
    id: i64,
}

/// The key of a note, without typed metadata.
#[derive(Debug, bindery::R2Key)]
#[r2(binding = STORAGE, key = "notes/{name}")]
pub struct NoteKey<'a> {
    name: &'a str,
}

fn kind<T>(result: bindery::Result<T>) -> Result<T, ErrorKind> {
    result.map_err(|error| error.kind())
}

fn keys<M>(page: &r2::Page<M>) -> Vec<&str> {
    page.objects.iter().map(|object| &*object.key).collect()
}

/// Content that consists of `size` bytes, in chunks that do not align with the parts.
fn numbered(size: usize) -> impl Iterator<Item = Chunk> + Send + Sync {
    (0..size)
        .step_by(100_003)
        .map(move |start| Ok((start..size.min(start + 100_003)).map(byte).collect()))
}

fn byte(index: usize) -> u8 {
    (index % 251) as u8
}

fn is_numbered(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .enumerate()
        .all(|(index, found)| *found == byte(index))
}

async fn text_of(env: &Env, key: &str) -> bindery::Result<Option<String>> {
    match env.storage.get(key).await? {
        Some(object) => object.text().await.map(Some),
        None => Ok(None),
    }
}

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
        head.http_metadata.content_type.as_deref(),
        Some("text/plain; charset=utf-8")
    );
    same!(
        head.http_metadata.content_disposition.as_deref(),
        Some("inline")
    );
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
    let size = 11 * MIB + 13;
    let put = env
        .storage
        .put("large", Content::stream(stream::iter(numbered(size))))
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
    same!(is_numbered(&back), true);

    // Several parts at the same time, larger ones, and a known length.
    let options = [
        PutOptions::default().parts(5 * MIB, 3),
        PutOptions::default().parts(6 * MIB, 1),
    ];
    for options in options {
        let content = Content::stream(stream::iter(numbered(size)));
        env.storage.put_with("large", content, options).await?;
        let back = env.storage.get("large").await?.ok_or("it is there")?;
        same!(is_numbered(&back.bytes().await?), true);
    }
    let content = Content::stream(stream::iter(numbered(size))).with_length(size as u64);
    let put = env.storage.put("known", content).await?;
    same!(put.size, size as u64);
    let back = env.storage.get("known").await?.ok_or("it is there")?;
    same!(is_numbered(&back.bytes().await?), true);
    let small = PutOptions::default().parts(5 * MIB - 1, 1);
    let put = env.storage.put_with("large", "", small).await;
    same!(kind(put).map(drop), Err(ErrorKind::InvalidArgument));

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
        (object.info.size, &object.info.http_metadata.content_type),
        (3, &None)
    );
    same!(object.text().await?, "new");
    env.storage.delete_many(["key", "nothing"]).await?;
    env.storage.delete("key").await?;
    env.storage.delete_many::<&str>([]).await?;
    same!(env.storage.get("key").await?.is_none(), true);
    Ok(())
}

/// Lists have pages and are sorted.
pub async fn lists(env: Env) -> Outcome {
    for number in [3, 1, 0, 2, 4] {
        let options = PutOptions::default()
            .content_type("text/x")
            .custom_metadata("n", number.to_string());
        let key = format!("list/{number}");
        env.storage.put_with(&key, "v", options).await?;
    }
    env.storage.put("other", "v").await?;

    let list = || env.storage.list(r2::prefix("list/")).page_size(3);
    let first = list().page().await?;
    same!(keys(&first), ["list/0", "list/1", "list/2"]);
    let second = &first.objects[1];
    same!(second.http_metadata.content_type.as_deref(), Some("text/x"));
    same!(
        second.custom_metadata.get("n").map(String::as_str),
        Some("1")
    );
    let cursor = first.cursor.ok_or("there is more")?;
    let rest = list().cursor(cursor).page().await?;
    same!((rest.objects.len(), rest.cursor), (2, None));

    let every: Vec<String> = list().map_ok(|object| object.key).try_collect().await?;
    let expected: Vec<String> = (0..5).map(|number| format!("list/{number}")).collect();
    same!(every, expected);
    let after = list().start_after("list/2").page().await?;
    same!(keys(&after), ["list/3", "list/4"]);
    let after = list().start_after("list/15").page().await?;
    same!(keys(&after), ["list/2", "list/3", "list/4"]);
    Ok(())
}

/// With a delimiter, keys are grouped like files in folders.
pub async fn folders(env: Env) -> Outcome {
    let all = ["a", "b/1", "b/2", "b/c/3", "c", "d/4", "d\u{e9}/5", "e"];
    for key in all {
        env.storage.put(key, "v").await?;
    }
    let list = |prefix: &str| env.storage.list(r2::prefix(prefix)).delimiter("/");
    let root = list("").page().await?;
    same!(keys(&root), ["a", "c", "e"]);
    same!(root.prefixes, ["b/", "d/", "d\u{e9}/"]);
    let folder = list("b/").page().await?;
    same!(keys(&folder), ["b/1", "b/2"]);
    same!(folder.prefixes, ["b/c/"]);

    // Each page continues after the folders of the one before.
    let (mut files, mut prefixes, mut cursor) = (Vec::new(), Vec::new(), None);
    for _ in 0..3 {
        let mut page = list("").page_size(2);
        if let Some(cursor) = cursor.take() {
            page = page.cursor(cursor);
        }
        let page = page.page().await?;
        same!(page.objects.len() + page.prefixes.len(), 2);
        files.extend(page.objects.into_iter().map(|object| object.key));
        prefixes.extend(page.prefixes);
        cursor = page.cursor;
    }
    same!(
        (files, prefixes, cursor),
        (
            vec!["a".to_owned(), "c".to_owned(), "e".to_owned()],
            vec!["b/".to_owned(), "d/".to_owned(), "d\u{e9}/".to_owned()],
            None,
        )
    );
    let files: Vec<String> = list("").map_ok(|object| object.key).try_collect().await?;
    same!(files, ["a", "c", "e"]);
    let words = env.storage.list(r2::prefix("")).delimiter("/c/").page();
    same!(words.await?.prefixes, ["b/c/"]);
    Ok(())
}

/// A typed key has typed metadata, and is read from the key of an object.
pub async fn typed_object_keys(env: Env) -> Outcome {
    let key = |id| FileKey {
        owner: "ann/bob".to_owned(),
        id,
    };
    let info = FileInfo {
        owner: "Ann \u{1F600}".to_owned(),
        pages: 3,
        public: true,
        note: None,
    };
    for id in [1, 20] {
        let options = PutOptions::default().metadata(info.clone());
        env.storage.put_with(&key(id), "text", options).await?;
    }
    env.storage.put(&NoteKey { name: "a/b" }, "note").await?;
    same!(text_of(&env, "notes/a/b").await?.as_deref(), Some("note"));
    same!(
        text_of(&env, "files/ann%2Fbob/1.txt").await?.as_deref(),
        Some("text")
    );

    let object = env.storage.get(&key(1)).await?.ok_or("it is there")?;
    same!(object.info.custom_metadata, info.clone());
    let head = env.storage.head(&key(20)).await?.ok_or("it is there")?;
    same!(head.custom_metadata, info);
    let plain = env.storage.head("files/ann%2Fbob/1.txt").await?;
    let plain = plain.ok_or("it is there")?.custom_metadata;
    same!(plain.get("pages").map(String::as_str), Some("3"));
    same!(plain.contains_key("note"), false);

    let listed: Vec<_> = env
        .storage
        .list(FileKey::prefix_by_owner("ann/bob"))
        .map_ok(|object| (FileKey::parse(&object.key), object.custom_metadata.pages))
        .try_collect()
        .await?;
    same!(listed, [(Some(key(1)), 3), (Some(key(20)), 3)]);

    // An object of another program is an error, and the list continues after it.
    let foreign = PutOptions::default().custom_metadata("pages", "many");
    env.storage
        .put_with("files/ann%2Fbob/2.txt", "", foreign)
        .await?;
    let listed: Vec<_> = env.storage.list(FileKey::prefix()).collect().await;
    let kinds: Vec<_> = listed
        .into_iter()
        .map(|object| kind(object).map(|object| object.size))
        .collect();
    same!(kinds, [Ok(4), Err(ErrorKind::Decode), Ok(4)]);
    same!(
        kind(env.storage.get(&key(2)).await).map(drop),
        Err(ErrorKind::Decode)
    );
    same!(env.storage.get(&key(3)).await?.is_none(), true);
    Ok(())
}

/// Every property of an object is returned as it was stored.
pub async fn properties(env: Env) -> Outcome {
    let expires = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    let options = PutOptions::default()
        .content_type("text/html")
        .content_language("de-CH")
        .content_disposition("attachment; filename=\"a.html\"")
        .content_encoding("gzip")
        .cache_control("private, max-age=60")
        .cache_expires(expires + Duration::from_millis(600))
        .storage_class(StorageClass::Standard)
        .custom_metadata("n", "1");
    let put = env.storage.put_with("key", "hello", options).await?;
    let head = env.storage.head("key").await?.ok_or("it is there")?;
    let http = &head.http_metadata;
    same!(http.content_language.as_deref(), Some("de-CH"));
    same!(http.content_encoding.as_deref(), Some("gzip"));
    same!(http.cache_control.as_deref(), Some("private, max-age=60"));
    let since = http.cache_expires.ok_or("it has the time")?;
    same!(
        since
            .duration_since(std::time::SystemTime::UNIX_EPOCH)?
            .as_secs(),
        2_000_000_000
    );
    same!(head.storage_class, StorageClass::Standard);
    same!(
        (&head.version, head.version.is_empty()),
        (&put.version, false)
    );

    let again = env.storage.put("key", "hello").await?;
    same!(
        (again.version == put.version, again.etag == put.etag),
        (false, true)
    );

    let copied = env
        .storage
        .put_with(
            "from",
            "hello",
            PutOptions::default()
                .content_type("text/x")
                .custom_metadata("a", "b"),
        )
        .await?;
    let copy = env.storage.copy("from", "to").await?.ok_or("it is there")?;
    same!(
        (copy.key.as_str(), copy.size, &copy.etag),
        ("to", 5, &copied.etag)
    );
    let head = env.storage.head("to").await?.ok_or("it is there")?;
    same!(head.http_metadata.content_type.as_deref(), Some("text/x"));
    same!(head.custom_metadata.get("a").map(String::as_str), Some("b"));
    same!(text_of(&env, "to").await?.as_deref(), Some("hello"));
    same!(env.storage.copy("nothing", "to").await?, None);
    Ok(())
}

/// A checksum that the content does not have stores nothing.
pub async fn checksums(env: Env) -> Outcome {
    let md5 = |text: &str| -> Option<[u8; 16]> {
        let digit = |index: usize| u8::from_str_radix(text.get(index..index + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..32).step_by(2).map(digit).collect();
        bytes?.try_into().ok()
    };
    let hello = md5("5d41402abc4b2a76b9719d911017c592").ok_or("it has 32 digits")?;
    let sha256 = [
        0x2c, 0xf2, 0x4d, 0xba, 0x5f, 0xb0, 0xa3, 0x0e, 0x26, 0xe8, 0x3b, 0x2a, 0xc5, 0xb9, 0xe2,
        0x9e, 0x1b, 0x16, 0x1e, 0x5c, 0x1f, 0xa7, 0x42, 0x5e, 0x73, 0x04, 0x33, 0x62, 0x93, 0x8b,
        0x98, 0x24,
    ];
    let sha1 = [
        0xaa, 0xf4, 0xc6, 0x1d, 0xdc, 0xc5, 0xe8, 0xa2, 0xda, 0xbe, 0xde, 0x0f, 0x3b, 0x48, 0x2c,
        0xd9, 0xae, 0xa9, 0x43, 0x4d,
    ];
    for checksum in [
        Checksum::Md5(hello),
        Checksum::Sha1(sha1),
        Checksum::Sha256(sha256),
    ] {
        let options = || PutOptions::default().checksum(checksum);
        env.storage.put_with("key", "hello", options()).await?;
        let head = env.storage.head("key").await?.ok_or("it is there")?;
        let found = match checksum {
            Checksum::Md5(_) => head.checksums.md5 == Some(hello.to_vec()),
            Checksum::Sha1(_) => head.checksums.sha1 == Some(sha1.to_vec()),
            _ => head.checksums.sha256 == Some(sha256.to_vec()),
        };
        same!(found, true);
        let put = env.storage.put_with("key", "other", options()).await;
        same!(kind(put).map(drop), Err(ErrorKind::InvalidArgument));
        same!(text_of(&env, "key").await?.as_deref(), Some("hello"));
    }
    for checksum in [Checksum::Sha384([1; 48]), Checksum::Sha512([1; 64])] {
        let options = PutOptions::default().checksum(checksum);
        let put = env.storage.put_with("key", "other", options).await;
        same!(kind(put).map(drop), Err(ErrorKind::InvalidArgument));
    }

    // A stream of more than one part needs a known length.
    let options = || PutOptions::default().checksum(Checksum::Md5(hello));
    let content = Content::stream(stream::iter(numbered(5 * MIB + 1)));
    let put = env.storage.put_with("key", content, options()).await;
    let error = put.err().ok_or("its length is not known")?;
    same!(error.message().contains("with_length"), true);
    let content = Content::stream(stream::iter([Ok::<_, std::io::Error>("hello".into())]));
    env.storage.put_with("key", content, options()).await?;
    Ok(())
}

/// Some of the bytes of an object.
pub async fn ranges(env: Env) -> Outcome {
    env.storage.put("key", "0123456789").await?;
    let read = async |range: Range| {
        let options = GetOptions::default().range(range);
        let object = env.storage.get_with("key", options).await?.found();
        let object = object.ok_or_else(|| bindery::Error::other("it is there"))?;
        let range = object.range;
        Ok::<_, bindery::Error>((object.info.size, range, object.text().await?))
    };
    let expected = |offset, length, text: &str| (10, (offset, length), text.to_owned());
    same!(read(Range::from(2..5)).await?, expected(2, 3, "234"));
    same!(read(Range::from(8..50)).await?, expected(8, 2, "89"));
    same!(read(Range::from(..4)).await?, expected(0, 4, "0123"));
    same!(read(Range::from(7..)).await?, expected(7, 3, "789"));
    same!(read(Range::last(3)).await?, expected(7, 3, "789"));
    same!(read(Range::last(30)).await?, expected(0, 10, "0123456789"));
    for range in [Range::from(11..), Range::from(3..3), Range::last(0)] {
        same!(kind(read(range).await), Err(ErrorKind::InvalidArgument));
    }
    let whole = env.storage.get("key").await?.ok_or("it is there")?;
    same!(whole.range, (0, 10));
    let options = GetOptions::default().range(1..2);
    let missing = env.storage.get_with("nothing", options).await?;
    same!(matches!(missing, Lookup::Missing), true);

    // Across the parts of an object.
    let content = Content::stream(stream::iter(numbered(11 * MIB)));
    env.storage.put("large", content).await?;
    let start = 5 * MIB - 10;
    let options = GetOptions::default().range(start as u64..(start + 20) as u64);
    let object = env.storage.get_with("large", options).await?.found();
    let found = object.ok_or("it is there")?.bytes().await?;
    let expected: Vec<u8> = (start..start + 20).map(byte).collect();
    same!(found, expected);
    Ok(())
}

/// Reads and writes under conditions.
pub async fn conditions(env: Env) -> Outcome {
    let put = async |condition: Condition, text: &'static str| {
        let put = env
            .storage
            .put_if("key", condition, text, PutOptions::default());
        Ok::<_, bindery::Error>(put.await?.map(|info| info.etag))
    };
    same!(put(Condition::present(), "0").await?, None);
    let first = put(Condition::absent(), "1").await?.ok_or("it is stored")?;
    same!(put(Condition::absent(), "2").await?, None);
    let matches = |etag: &str| Condition::default().etag_matches(etag);
    let differs = |etag: &str| Condition::default().etag_differs(etag);
    same!(put(matches("other"), "2").await?, None);
    same!(put(differs(&first), "2").await?, None);
    same!(text_of(&env, "key").await?.as_deref(), Some("1"));
    let second = put(matches(&first), "2").await?.ok_or("it is stored")?;
    same!(text_of(&env, "key").await?.as_deref(), Some("2"));

    let get = async |condition: Condition| {
        let options = GetOptions::default().condition(condition);
        Ok::<_, bindery::Error>(match env.storage.get_with("key", options).await? {
            Lookup::Missing => "missing".to_owned(),
            Lookup::Unmatched(info) => format!("unmatched {}", info.size),
            Lookup::Found(object) => object.text().await?,
        })
    };
    same!(get(matches(&second)).await?, "2");
    same!(get(matches(&first)).await?, "unmatched 1");
    same!(get(differs(&first)).await?, "2");
    same!(get(differs(&second)).await?, "unmatched 1");
    same!(get(Condition::present()).await?, "2");
    let head = env.storage.head("key").await?.ok_or("it is there")?;
    let hour = Duration::from_secs(3600);
    let (before, after) = (head.uploaded - hour, head.uploaded + hour);
    same!(get(Condition::default().modified_since(before)).await?, "2");
    same!(
        get(Condition::default().modified_since(after)).await?,
        "unmatched 1"
    );
    same!(
        get(Condition::default().unmodified_since(after)).await?,
        "2"
    );
    same!(
        get(Condition::default().unmodified_since(before)).await?,
        "unmatched 1"
    );
    same!(get(differs(&first).modified_since(after)).await?, "2");

    let mut headers = HeaderMap::new();
    let list = format!("\"{first}\", W/\"{second}\"");
    headers.insert("if-none-match", list.parse()?);
    let condition = Condition::from_headers(&headers).ok_or("it has a condition")?;
    same!(get(condition).await?, "unmatched 1");
    env.storage.delete("key").await?;
    same!(get(matches(&second)).await?, "missing");

    // R2 uploads parts without conditions.
    let content = || Content::stream(stream::iter(numbered(5 * MIB + 1)));
    let options = PutOptions::default;
    let put = env
        .storage
        .put_if("key", Condition::absent(), content(), options());
    same!(kind(put.await).map(drop), Err(ErrorKind::InvalidArgument));
    let known = content().with_length(5 * MIB as u64 + 1);
    let put = env
        .storage
        .put_if("key", Condition::absent(), known, options());
    same!(put.await?.is_some(), true);
    Ok(())
}

/// A multipart upload, step by step, which another request resumes.
pub async fn multipart(env: Env) -> Outcome {
    let options = PutOptions::default()
        .content_type("video/x")
        .custom_metadata("n", "1");
    let upload = env.storage.create_multipart("key", options).await?;
    let size = 5 * MIB;
    let part = |number: u8| vec![number; size];
    let first = upload.upload_part(1, part(1)).await?;
    same!(env.storage.get("key").await?.is_none(), true);

    let upload = env.storage.resume_multipart("key", upload.id());
    same!((upload.key(), upload.id().is_empty()), ("key", false));
    upload.upload_part(2, part(9)).await?;
    let content = Content::stream(stream::iter([Ok::<_, std::io::Error>(part(2).into())]));
    let second = upload
        .upload_part(2, content.with_length(size as u64))
        .await?;
    let last = upload.upload_part(10_000, "end").await?;

    let unknown = UploadedPart {
        etag: "unknown".to_owned(),
        ..first.clone()
    };
    let wrong: [&[UploadedPart]; 3] = [&[], &[unknown], &[first.clone(), first.clone()]];
    for parts in wrong {
        let complete = upload.complete(parts).await;
        same!(kind(complete).map(drop), Err(ErrorKind::InvalidArgument));
    }
    for number in [0, 10_001] {
        let part = upload.upload_part(number, "x").await;
        same!(kind(part).map(drop), Err(ErrorKind::InvalidArgument));
    }

    let parts = [last, first.clone(), second];
    let info = upload.complete(&parts).await?;
    same!(
        (info.size, info.etag.ends_with("-3")),
        (2 * size as u64 + 3, true)
    );
    let object = env.storage.get("key").await?.ok_or("it is there")?;
    let ObjectInfo {
        http_metadata,
        custom_metadata,
        etag,
        ..
    } = &object.info;
    same!(http_metadata.content_type.as_deref(), Some("video/x"));
    same!(custom_metadata.get("n").map(String::as_str), Some("1"));
    same!(etag, &info.etag);
    let expected = [part(1), part(2), b"end".to_vec()].concat();
    same!(object.bytes().await? == expected, true);

    // The upload no longer exists.
    let part = upload.upload_part(1, "x").await;
    same!(kind(part).map(drop), Err(ErrorKind::NotFound));
    same!(
        kind(upload.complete(&[first]).await).map(drop),
        Err(ErrorKind::NotFound)
    );
    upload.abort().await?;
    Ok(())
}

/// What the platform refuses in a multipart upload, and an upload that is aborted.
pub async fn malformed_multipart(env: Env) -> Outcome {
    env.storage.put("key", "before").await?;
    let upload = env
        .storage
        .create_multipart("key", PutOptions::default())
        .await?;
    let short = upload.upload_part(1, "short").await?;
    let large = upload.upload_part(2, vec![0; 6 * MIB]).await?;
    let exact = upload.upload_part(3, vec![0; 5 * MIB]).await?;
    let end = upload.upload_part(4, "end").await?;
    let wrong = [
        vec![short, end.clone()],
        vec![large.clone(), exact.clone(), end],
        vec![exact, upload.upload_part(5, vec![0; 6 * MIB]).await?],
    ];
    for parts in &wrong {
        let complete = upload.complete(parts).await;
        same!(kind(complete).map(drop), Err(ErrorKind::InvalidArgument));
    }
    let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
    let part = upload.upload_part(6, Content::stream(broken)).await;
    same!(kind(part).map(drop), Err(ErrorKind::InvalidArgument));
    upload.abort().await?;
    upload.abort().await?;
    same!(
        kind(upload.complete(&[large]).await).map(drop),
        Err(ErrorKind::NotFound)
    );
    same!(text_of(&env, "key").await?.as_deref(), Some("before"));
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
    for (good, length) in [
        (1, None),
        (70, None),
        (1, Some(200_000)),
        (70, Some(8_000_000)),
    ] {
        let chunks = (0..good).map(|_| -> Chunk { Ok(Bytes::from(vec![1; 100_000])) });
        let broken = chunks.chain([Err(std::io::Error::other("the client is gone"))]);
        let mut content = Content::stream(stream::iter(broken));
        if let Some(length) = length {
            content = content.with_length(length);
        }
        let put = env.storage.put("key", content).await;
        let error = put.err().ok_or("the stream broke off")?;
        same!(error.kind(), ErrorKind::InvalidArgument);
        same!(error.message().contains("the client is gone"), true);
    }
    for length in [5, 7] {
        let put = env
            .storage
            .put("key", Content::from("123456").with_length(length));
        same!(kind(put.await).map(drop), Err(ErrorKind::InvalidArgument));
        let stored = env.storage.get("key").await?.ok_or("it is there")?;
        let options = PutOptions::default().max_bytes(7);
        let content = Content::from(stored.body).with_length(length);
        let put = env.storage.put_with("copy", content, options);
        same!(kind(put.await).map(drop), Err(ErrorKind::InvalidArgument));
    }
    for length in [99_999, 100_001, 9_000_000] {
        let chunks = stream::iter([Chunk::Ok(Bytes::from(vec![1; 100_000]))]);
        let put = env
            .storage
            .put("key", Content::stream(chunks).with_length(length));
        same!(kind(put.await).map(drop), Err(ErrorKind::InvalidArgument));
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
    let delete = storage.delete_many(["k", ""]).await;
    same!(kind(delete), Err(ErrorKind::InvalidArgument));
    for size in [0, 1001] {
        let list = storage.list(r2::prefix("")).page_size(size).page().await;
        same!(kind(list).map(drop), Err(ErrorKind::InvalidArgument));
    }
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
    let every = || env.storage.list(r2::prefix("")).page();
    same!(every().await?.objects.len(), keys.len());
    env.storage.delete_many(keys).await?;
    same!(every().await?.objects.len(), 0);
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
    let list = |prefix: &str| env.storage.list(r2::prefix(prefix));
    same!(super::r2::keys(&list("").page().await?), keys);
    same!(super::r2::keys(&list("_%").page().await?), ["_%"]);
    same!(super::r2::keys(&list("a").page().await?), ["a", "aa"]);
    same!(list("zzz").page().await?.objects.len(), 0);

    // Pages that the keys fill have no empty page after them.
    let first = list("").page_size(5).page().await?;
    let cursor = first.cursor.clone().ok_or("there is more")?;
    let second = list("").page_size(5).cursor(cursor).page().await?;
    same!(second.cursor, None);
    same!(
        [super::r2::keys(&first), super::r2::keys(&second)].concat(),
        keys
    );
    Ok(())
}

/// The largest list and delete are accepted, and the most metadata that Miniflare accepts.
pub async fn the_largest_calls(env: Env) -> Outcome {
    let options = PutOptions::default().custom_metadata("n", "x".repeat(2047));
    env.storage.put_with("m", "v", options).await?;
    let head = env.storage.head("m").await?.ok_or("it is there")?;
    same!(head.custom_metadata["n"].len(), 2047);
    let list = env.storage.list(r2::prefix("")).page_size(1000);
    same!(list.page().await?.objects.len(), 1);

    // More keys than one call deletes.
    for key in ["0", "1500"] {
        env.storage.put(key, "v").await?;
    }
    let keys = (0..=1500).map(|number| number.to_string());
    env.storage
        .delete_many(keys.chain(["m".to_owned()]))
        .await?;
    let left = env.storage.list(r2::prefix("")).page().await?;
    same!(left.objects.len(), 0);
    Ok(())
}

/// Objects that nothing refers to are deleted.
pub async fn sweeps(env: Env) -> Outcome {
    for name in ["a", "b", "c", "d"] {
        env.storage.put(&NoteKey { name }, name).await?;
    }
    env.storage.put("other", "x").await?;
    let sweep = async |options: SweepOptions| {
        let known = async |keys: Vec<String>| {
            let is_known = |key: &String| key.ends_with("/b") || key.ends_with("/c");
            Ok(keys.into_iter().filter(is_known).collect())
        };
        let swept = env.storage.sweep(NoteKey::prefix(), options, known).await?;
        Ok::<_, bindery::Error>((swept.checked, swept.deleted, swept.cursor.is_some()))
    };
    same!(sweep(SweepOptions::default()).await?, (0, 0, false));
    let never = SweepOptions::default().min_age(Duration::MAX);
    same!(sweep(never).await?, (0, 0, false));
    let now = SweepOptions::default().min_age(Duration::ZERO);
    same!(sweep(now.clone().max_pages(0)).await?, (0, 0, false));
    same!(sweep(now.clone()).await?, (4, 2, false));
    same!(sweep(now).await?, (2, 0, false));
    same!(
        keys(&env.storage.list(r2::prefix("")).page().await?),
        ["notes/b", "notes/c", "other"]
    );

    let failing = async |_: Vec<String>| Err(bindery::Error::new(ErrorKind::Timeout, "later"));
    let now = SweepOptions::default().min_age(Duration::ZERO);
    let failed = env.storage.sweep(NoteKey::prefix(), now, failing).await;
    same!(kind(failed), Err(ErrorKind::Timeout));

    let upload = env
        .storage
        .create_multipart("video", PutOptions::default())
        .await?;
    let uploads = [("video", upload.id()), ("video", upload.id())];
    env.storage.abort_multiparts(uploads).await?;
    let part = upload.upload_part(1, "x").await;
    same!(kind(part), Err(ErrorKind::NotFound));
    Ok(())
}

/// Serves an object, and returns the status, some headers and the body.
async fn served(
    env: &Env,
    key: &str,
    method: &Method,
    headers: &[(&'static str, &str)],
) -> Result<Option<(u16, Vec<String>, String)>, Box<dyn std::error::Error + Send + Sync>> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse()?);
    }
    let options = ServeOptions::default().attachment("a.txt");
    let Some(response) = env.storage.serve(key, method, &map, options).await? else {
        return Ok(None);
    };
    let (parts, body) = response.into_parts();
    let names = [
        "content-length",
        "content-range",
        "content-type",
        "content-disposition",
    ];
    let header = |name: &&str| {
        parts
            .headers
            .get(*name)
            .and_then(|value| value.to_str().ok())
    };
    let headers = names.iter().filter_map(header).map(str::to_owned).collect();
    let body = body.collect().await?.to_bytes();
    Ok(Some((
        parts.status.as_u16(),
        headers,
        String::from_utf8(body.to_vec())?,
    )))
}

/// Objects are served with ranges and conditions.
pub async fn responses(env: Env) -> Outcome {
    let options = PutOptions::default().content_type("text/plain");
    let info = env
        .storage
        .put_with("served", "0123456789", options)
        .await?;
    env.storage.put("empty", "").await?;
    let (etag, get, head) = (format!("\"{}\"", info.etag), Method::GET, Method::HEAD);
    let whole = ["10", "text/plain", "attachment; filename=\"a.txt\""].map(str::to_owned);
    let part = |length: &str, range: &str| {
        let [_, kind, disposition] = whole.clone();
        vec![length.to_owned(), range.to_owned(), kind, disposition]
    };

    let all = Some((200, whole.to_vec(), "0123456789".to_owned()));
    same!(served(&env, "served", &get, &[]).await?, all);
    same!(served(&env, "missing", &get, &[]).await?, None);
    same!(
        served(&env, "missing", &get, &[("range", "bytes=0-")]).await?,
        None
    );
    same!(served(&env, "missing", &head, &[]).await?, None);
    same!(
        served(&env, "served", &head, &[]).await?,
        Some((200, whole.to_vec(), String::new()))
    );

    for (header, range, body) in [
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=8-99", "bytes 8-9/10", "89"),
        ("bytes=8-", "bytes 8-9/10", "89"),
        ("bytes=-3", "bytes 7-9/10", "789"),
        ("bytes=-99", "bytes 0-9/10", "0123456789"),
    ] {
        let found = served(&env, "served", &get, &[("range", header)]).await?;
        let headers = part(&body.len().to_string(), range);
        same!(found, Some((206, headers, body.to_owned())));
    }
    for ignored in ["bytes=4-2", "bytes=-0", "bytes=0-1,4-5", "items=0-1"] {
        same!(
            served(&env, "served", &get, &[("range", ignored)]).await?,
            all
        );
    }
    same!(
        served(&env, "served", &head, &[("range", "bytes=2-4")])
            .await?
            .map(|found| found.0),
        Some(200)
    );
    for (key, range, size) in [
        ("served", "bytes=10-", "bytes */10"),
        ("empty", "bytes=0-", "bytes */0"),
    ] {
        let found = served(&env, key, &get, &[("range", range)]).await?;
        same!(found, Some((416, vec![size.to_owned()], String::new())));
    }

    let past = "Tue, 01 Jan 2019 00:00:00 GMT";
    let future = "Fri, 01 Jan 2100 00:00:00 GMT";
    for method in [&get, &head] {
        for (name, value, expected) in [
            ("if-none-match", &*etag, 304),
            ("if-none-match", "*", 304),
            ("if-none-match", "\"other\"", 200),
            ("if-modified-since", future, 304),
            ("if-modified-since", past, 200),
            ("if-match", &*etag, 200),
            ("if-match", "\"other\"", 412),
            ("if-unmodified-since", past, 412),
            ("if-unmodified-since", future, 200),
        ] {
            let found = served(&env, "served", method, &[(name, value)]).await?;
            same!(
                (name, value, found.map(|found| found.0)),
                (name, value, Some(expected))
            );
        }
    }

    // A download continues if the object is the same.
    let rest = ("range", "bytes=8-");
    let status = |found: Option<(u16, Vec<String>, String)>| found.map(|found| (found.0, found.2));
    for (validator, expected) in [
        (&*etag, (206, "89")),
        ("\"other\"", (200, "0123456789")),
        (&*format!("W/{etag}"), (200, "0123456789")),
        (past, (200, "0123456789")),
    ] {
        let found = served(&env, "served", &get, &[rest, ("if-range", validator)]).await?;
        same!(status(found), Some((expected.0, expected.1.to_owned())));
    }
    Ok(())
}
