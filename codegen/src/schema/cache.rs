//! The database that migrations made, kept between two runs of the compiler: most runs follow an edit of
//! something else.
//!
//! A file is named after everything that it hangs on, and closed by a sum of its bytes: one that is old,
//! foreign or torn is as good as none.

use std::collections::HashMap;

use bindery_sqlite::{Database, rusqlite};

use crate::source::{FileId, Sources, Spanned};

/// A database as it was made, and the places of tables that were made anew.
pub(super) struct Made {
    pub(super) database: Database,
    pub(super) places: HashMap<String, i64>,
}

/// The name under which a database is kept: a sum of all that makes it.
pub(super) fn key(sources: &Sources, ledger: &str, baseline: Option<FileId>, files: &[Spanned<String>]) -> String {
    let mut sums = [0xcbf2_9ce4_8422_2325, 0x9e37_79b9_7f4a_7c15];
    let mut add = |text: &str| {
        for (seed, sum) in sums.iter_mut().enumerate() {
            *sum = sum_of(*sum ^ (seed as u64), &(text.len() as u64).to_le_bytes());
            *sum = sum_of(*sum, text.as_bytes());
        }
    };
    add(env!("CARGO_PKG_VERSION"));
    add(rusqlite::version());
    add(ledger);
    add(baseline.map_or("", |file| &sources.file(file).text));
    for file in files {
        add(&file.value);
        add(&sources.file(file.span.file).text);
    }
    format!("schema-{:016x}{:016x}", sums[0], sums[1])
}

/// FNV-1a.
fn sum_of(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

pub(super) fn load(sources: &Sources, key: &str) -> Option<Made> {
    let bytes = sources.kept(key)?;
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(8)?)?;
    if weight(body).to_le_bytes() != sum {
        return None;
    }
    let (length, rest) = body.split_at_checked(8)?;
    let length = usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?;
    let (places, database) = rest.split_at_checked(length)?;
    let places = std::str::from_utf8(places)
        .ok()?
        .lines()
        .map(|line| line.rsplit_once('\t').and_then(|(name, place)| Some((name.to_owned(), place.parse().ok()?))))
        .collect::<Option<HashMap<String, i64>>>()?;
    Some(Made { database: Database::from_bytes(database).ok()?, places })
}

/// Keeps what was made; a folder that cannot be written leaves everything as it was.
pub(super) fn save(sources: &Sources, key: &str, database: &mut Database, places: &HashMap<String, i64>) {
    let Ok(database) = database.to_bytes() else { return };
    let mut lines: Vec<String> = places.iter().map(|(name, place)| format!("{name}\t{place}")).collect();
    lines.sort();
    let places = lines.join("\n");
    let mut bytes = (places.len() as u64).to_le_bytes().to_vec();
    bytes.extend(places.as_bytes());
    bytes.extend(database);
    let sum = weight(&bytes);
    bytes.extend(sum.to_le_bytes());
    sources.keep(key, &bytes);
}

/// A sum that is quick without optimisation: eight bytes at a time.
fn weight(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, word| {
        (sum ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
    });
    sum_of(sum, rest)
}
