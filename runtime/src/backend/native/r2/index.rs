//! The rows of the index.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bindery_sqlite::rusqlite::types::Value;
use bindery_sqlite::rusqlite::{self, Connection, OptionalExtension, Row, params_from_iter};

use crate::backend::native::clock::{at_milliseconds, milliseconds_of};
use crate::r2::{Checksums, HttpMetadata, Metadata, ObjectInfo, StorageClass};

/// The versions of the tables.
pub(super) const SCHEMA: [&str; 4] = [OBJECTS, GARBAGE, DETAILS, MULTIPART];

const OBJECTS: &str = "CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY NOT NULL,
    file TEXT NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    -- Milliseconds since the Unix epoch.
    uploaded INTEGER NOT NULL,
    content_type TEXT,
    content_disposition TEXT,
    custom_metadata TEXT NOT NULL
) STRICT, WITHOUT ROWID";

/// The files of objects that were replaced or deleted.
const GARBAGE: &str = "CREATE TABLE garbage (file TEXT PRIMARY KEY NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX objects_by_file ON objects (file)";

const DETAILS: &str = "ALTER TABLE objects ADD COLUMN version TEXT NOT NULL DEFAULT '';
    ALTER TABLE objects ADD COLUMN content_language TEXT;
    ALTER TABLE objects ADD COLUMN content_encoding TEXT;
    ALTER TABLE objects ADD COLUMN cache_control TEXT;
    -- Milliseconds since the Unix epoch.
    ALTER TABLE objects ADD COLUMN cache_expires INTEGER;
    -- A JSON object of hexadecimal digits.
    ALTER TABLE objects ADD COLUMN checksums TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE objects ADD COLUMN storage_class TEXT NOT NULL DEFAULT 'Standard'";

/// The multipart uploads that are not complete, and their parts.
const MULTIPART: &str = "CREATE TABLE multipart (
        id TEXT PRIMARY KEY NOT NULL,
        key TEXT NOT NULL,
        -- Milliseconds since the Unix epoch.
        created INTEGER NOT NULL,
        content_type TEXT,
        content_disposition TEXT,
        content_language TEXT,
        content_encoding TEXT,
        cache_control TEXT,
        cache_expires INTEGER,
        custom_metadata TEXT NOT NULL,
        storage_class TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE parts (
        upload TEXT NOT NULL REFERENCES multipart (id),
        number INTEGER NOT NULL,
        file TEXT NOT NULL,
        size INTEGER NOT NULL,
        etag TEXT NOT NULL,
        md5 BLOB NOT NULL,
        PRIMARY KEY (upload, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX parts_by_file ON parts (file)";

/// The columns of the metadata, in the order of [`metadata_values`].
pub(super) const METADATA: &str = "content_type, content_disposition, content_language, \
     content_encoding, cache_control, cache_expires, custom_metadata, storage_class";

/// The columns of [`info`], and the file.
const COLUMNS: &str = "key, size, etag, uploaded, version, checksums, file";

/// What is stored besides the content.
pub(super) type Stored = (HttpMetadata, Metadata, StorageClass);

/// Returns the properties of an object, and its file.
pub(super) fn find(
    connection: &Connection,
    key: &str,
) -> rusqlite::Result<Option<(ObjectInfo, String)>> {
    let sql = format!("SELECT {COLUMNS}, {METADATA} FROM objects WHERE key = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_row([key], |row| Ok((info(row)?, row.get(6)?)));
    found.optional()
}

/// Returns up to `limit` objects with `key >= start AND key > after AND key < end`.
pub(super) fn range(
    connection: &Connection,
    start: &str,
    after: &str,
    end: &Value,
    limit: i64,
) -> rusqlite::Result<Vec<ObjectInfo>> {
    let sql = format!(
        "SELECT {COLUMNS}, {METADATA} FROM objects WHERE key >= ?1 AND key > ?2 AND key < ?3
         ORDER BY key LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(rusqlite::params![start, after, end, limit], info)?;
    rows.collect()
}

/// Adds an object, and returns the file of the object that it replaces, which becomes garbage.
pub(super) fn insert(
    connection: &Connection,
    info: &ObjectInfo,
    file: &str,
) -> rusqlite::Result<Option<String>> {
    let replaced = add_garbage(connection, &info.key)?;
    let checksums = serde_json::to_string(&checksum_texts(&info.checksums)).unwrap_or_default();
    let mut values: Vec<Value> = vec![
        info.key.clone().into(),
        i64::try_from(info.size).unwrap_or(i64::MAX).into(),
        info.etag.clone().into(),
        milliseconds_of(info.uploaded).into(),
        info.version.clone().into(),
        checksums.into(),
        file.to_owned().into(),
    ];
    let (http, custom) = (&info.http_metadata, &info.custom_metadata);
    values.extend(metadata_values(http, custom, info.storage_class));

    let places = vec!["?"; values.len()].join(", ");
    let sql = format!("INSERT OR REPLACE INTO objects ({COLUMNS}, {METADATA}) VALUES ({places})");
    let mut insert = connection.prepare_cached(&sql)?;
    insert.execute(params_from_iter(values))?;
    Ok(replaced)
}

/// Lists the file of an object as garbage, and returns it.
pub(super) fn add_garbage(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let insert = "INSERT OR REPLACE INTO garbage SELECT file FROM objects WHERE key = ?1
         RETURNING file";
    let mut insert = connection.prepare_cached(insert)?;
    insert.query_row([key], |row| row.get(0)).optional()
}

/// Removes files that have been deleted from the list of garbage.
pub(super) fn forget_removed(connection: &Connection, files: &[String]) -> rusqlite::Result<()> {
    for file in files {
        let delete = "DELETE FROM garbage WHERE file = ?1";
        connection.prepare_cached(delete)?.execute([file])?;
    }
    Ok(())
}

/// Reads a row of the index.
fn info(row: &Row<'_>) -> rusqlite::Result<ObjectInfo> {
    let checksums: String = row.get(5)?;
    let (http_metadata, custom_metadata, storage_class) = metadata(row, 7)?;
    Ok(ObjectInfo {
        key: row.get(0)?,
        size: row.get::<_, i64>(1)?.unsigned_abs(),
        etag: row.get(2)?,
        uploaded: at_milliseconds(row.get(3)?),
        version: row.get(4)?,
        checksums: checksums_of(&serde_json::from_str(&checksums).unwrap_or_default()),
        http_metadata,
        custom_metadata,
        storage_class,
    })
}

/// The values of the columns [`METADATA`].
pub(super) fn metadata_values(
    http: &HttpMetadata,
    custom: &Metadata,
    class: StorageClass,
) -> Vec<Value> {
    let text = |text: &Option<String>| text.clone().into();
    vec![
        text(&http.content_type),
        text(&http.content_disposition),
        text(&http.content_language),
        text(&http.content_encoding),
        text(&http.cache_control),
        http.cache_expires
            .map(whole_seconds)
            .map(milliseconds_of)
            .into(),
        serde_json::to_string(custom).unwrap_or_default().into(),
        class.name().to_owned().into(),
    ]
}

/// Reads the columns [`METADATA`], from `first` on.
pub(super) fn metadata(row: &Row<'_>, first: usize) -> rusqlite::Result<Stored> {
    let expires: Option<i64> = row.get(first + 5)?;
    let custom: String = row.get(first + 6)?;
    let class: String = row.get(first + 7)?;
    let http = HttpMetadata {
        content_type: row.get(first)?,
        content_disposition: row.get(first + 1)?,
        content_language: row.get(first + 2)?,
        content_encoding: row.get(first + 3)?,
        cache_control: row.get(first + 4)?,
        cache_expires: expires.map(at_milliseconds),
    };
    let custom = serde_json::from_str(&custom).unwrap_or_default();
    Ok((http, custom, StorageClass::from_name(&class)))
}

/// HTTP dates have no fractions of seconds.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since_epoch.unwrap_or_default().as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn checksum_texts(checksums: &Checksums) -> BTreeMap<&'static str, String> {
    let Checksums {
        md5,
        sha1,
        sha256,
        sha384,
        sha512,
    } = checksums;
    let all = [
        ("md5", md5),
        ("sha1", sha1),
        ("sha256", sha256),
        ("sha384", sha384),
        ("sha512", sha512),
    ];
    let known = all.into_iter().filter_map(|(name, bytes)| {
        let bytes = bytes.as_ref()?;
        Some((name, hex(bytes)))
    });
    known.collect()
}

fn checksums_of(texts: &BTreeMap<String, String>) -> Checksums {
    let bytes = |name: &str| {
        let digits = texts.get(name)?;
        let pairs = (0..digits.len()).step_by(2);
        pairs
            .map(|start| u8::from_str_radix(digits.get(start..start + 2)?, 16).ok())
            .collect()
    };
    Checksums {
        md5: bytes("md5"),
        sha1: bytes("sha1"),
        sha256: bytes("sha256"),
        sha384: bytes("sha384"),
        sha512: bytes("sha512"),
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
