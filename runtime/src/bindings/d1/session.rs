//! Sessions: reads by replicas, which see the writes of the session.

use std::fmt;
use std::ops::Deref;

use super::D1;
use crate::error::Result;

/// A generated type of a database.
#[doc(hidden)]
pub trait Database: Deref<Target = D1> + Clone {
    /// Adds the queries of the project to a database.
    fn of(database: D1) -> Self;
}

/// Where the first query of a [`Session`] runs.
///
/// <https://developers.cloudflare.com/d1/best-practices/read-replication/>
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SessionStart {
    /// On any replica or the primary database: the fastest, with data of any age.
    #[default]
    Unconstrained,
    /// On the primary database, with the newest data.
    Primary,
    /// On any replica that has seen what an earlier session has seen.
    Bookmark(Bookmark),
}

/// What a session has seen: a text that another session can start with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bookmark(String);

impl Bookmark {
    /// The most bytes of a text that is accepted.
    const MAX_BYTES: usize = 128;

    /// Reads a bookmark, as a client sends it. Returns `None` if it does not have the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_bookmark = (1..=Self::MAX_BYTES).contains(&text.len())
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
        is_bookmark.then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Bookmark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl SessionStart {
    fn as_str(&self) -> &str {
        match self {
            Self::Unconstrained => "first-unconstrained",
            Self::Primary => "first-primary",
            Self::Bookmark(bookmark) => bookmark.as_str(),
        }
    }
}

impl From<Option<Bookmark>> for SessionStart {
    fn from(bookmark: Option<Bookmark>) -> Self {
        bookmark.map_or(Self::Unconstrained, Self::Bookmark)
    }
}

/// A database whose queries see the writes of the queries before them, also when replicas answer.
/// Created by `with_session` of a generated database.
///
/// It dereferences to the database. Without a session, every query runs on the primary database.
/// Natively there are no replicas.
///
/// <https://developers.cloudflare.com/d1/worker-api/d1-database/#withsession>
#[derive(Debug, Clone)]
pub struct Session<D> {
    database: D,
}

impl<D: Database> Session<D> {
    #[doc(hidden)]
    pub fn start(database: &D1, start: &SessionStart) -> Result<Self> {
        let backend = database.backend.session(start.as_str());
        let backend = backend.map_err(|failure| database.gate.failed("with_session", failure))?;
        let database = D::of(D1 {
            backend,
            #[cfg(feature = "query-cache")]
            is_session: true,
            ..database.clone()
        });
        Ok(Self { database })
    }

    /// Returns the database in this session. It can replace that of an `Env`.
    #[must_use]
    pub fn database(&self) -> &D {
        &self.database
    }

    /// Returns what the session has seen; `None` before the end of its first query, unless it
    /// started with a bookmark.
    #[must_use]
    pub fn bookmark(&self) -> Option<Bookmark> {
        let bookmark = self.database.backend.bookmark();
        bookmark.as_deref().and_then(Bookmark::parse)
    }
}

impl<D> Deref for Session<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.database
    }
}

#[cfg(test)]
mod tests {
    use super::Bookmark;

    #[test]
    fn only_the_form_of_a_bookmark_is_accepted() {
        let text = "00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683";
        assert_eq!(
            Bookmark::parse(text).as_ref().map(Bookmark::as_str),
            Some(text)
        );
        for other in ["", "first-primary", "0-1\n", "A", &"0".repeat(129)] {
            assert_eq!(Bookmark::parse(other), None, "{other}");
        }
    }
}
