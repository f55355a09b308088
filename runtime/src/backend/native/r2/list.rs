//! Lists.

use bindery_sqlite::rusqlite::types::Value;
use bindery_sqlite::rusqlite::{self, Connection};

use super::index;
use crate::backend::native::store::end_of;
use crate::error::{ErrorKind, Failure};
use crate::r2::{ListRequest, Listing};

/// Where a list continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// After a key.
    After(String),
    /// After all keys with a prefix.
    AfterPrefix(String),
}

impl Place {
    /// Reads a cursor.
    pub(super) fn new(cursor: &str) -> Result<Self, Failure> {
        let place = match cursor.split_at_checked(1) {
            Some(("k", key)) => Some(Self::After(key.to_owned())),
            Some(("p", prefix)) => Some(Self::AfterPrefix(prefix.to_owned())),
            _ => None,
        };
        place.ok_or_else(|| {
            let message = "the cursor is not one of a list";
            Failure::new(ErrorKind::InvalidArgument, message)
        })
    }

    fn cursor(&self) -> String {
        match self {
            Self::After(key) => format!("k{key}"),
            Self::AfterPrefix(prefix) => format!("p{prefix}"),
        }
    }
}

/// Returns up to `limit` objects and prefixes, from a place on.
pub(super) fn list(
    connection: &Connection,
    request: &ListRequest,
    place: Option<&Place>,
    limit: usize,
) -> rusqlite::Result<Listing> {
    let mut start = request.prefix.clone();
    let mut after = request.start_after.clone().unwrap_or_default();
    match place {
        Some(Place::After(key)) => after = after.max(key.clone()),
        Some(Place::AfterPrefix(prefix)) => match end_of(prefix) {
            Some(end) => start = start.max(end),
            None => return Ok(Listing::default()),
        },
        None => {}
    }
    // Every text is less than a BLOB.
    let end = end_of(&request.prefix).map_or(Value::Blob(Vec::new()), Value::Text);

    let delimiter = request.delimiter.as_deref().filter(|text| !text.is_empty());
    let mut listing = Listing::default();
    let mut last = None;
    loop {
        // One more object shows whether there is another page.
        let left = limit - listing.objects.len() - listing.prefixes.len();
        let rows = index::range(connection, &start, &after, &end, left as i64 + 1)?;
        let mut group = None;
        for (position, info) in rows.into_iter().enumerate() {
            if position == left {
                listing.cursor = last.as_ref().map(Place::cursor);
                return Ok(listing);
            }
            group = delimiter.and_then(|text| group_of(&info.key, &request.prefix, text));
            if group.is_some() {
                break;
            }
            last = Some(Place::After(info.key.clone()));
            listing.objects.push(info);
        }

        // Continues after the keys of the group.
        let Some(group) = group else {
            return Ok(listing);
        };
        let next = end_of(&group);
        last = Some(Place::AfterPrefix(group.clone()));
        listing.prefixes.push(group);
        match next {
            Some(next) => start = next,
            None => return Ok(listing),
        }
    }
}

/// The part of a key up to the delimiter after the prefix.
fn group_of(key: &str, prefix: &str, delimiter: &str) -> Option<String> {
    let rest = key.strip_prefix(prefix)?;
    let length = rest.find(delimiter)? + delimiter.len();
    Some(format!("{prefix}{}", &rest[..length]))
}
