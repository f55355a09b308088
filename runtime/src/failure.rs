//! The cause of an error, without its location.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::Write;
use std::ops::{Deref, DerefMut};

use crate::error::ErrorKind;
use crate::observe::Counts;

/// The cause of an error, without its location: [`Gate`](crate::observe::Gate) adds that.
///
/// Its size is that of a pointer: each call passes it through several futures.
#[doc(hidden)]
#[derive(Debug)]
pub struct Failure(Box<Cause>);

/// The fields of a [`Failure`].
#[doc(hidden)]
#[derive(Debug)]
pub struct Cause {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
    /// Whether the call has changed stored data.
    pub(crate) is_committed: bool,
    /// Whether the application wrote the message, for the client.
    pub(crate) is_own: bool,
    /// Whether a step of a Workflow is not repeated after it.
    pub(crate) is_final: bool,
    /// Whether the call reads only, so that it can be repeated. Known for D1 and for requests to
    /// other servers, where the operation does not show it.
    pub(crate) is_read: bool,
    /// The position in its batch of the query that failed, from 0.
    pub(crate) index: Option<usize>,
    /// The name of the query of a batch that failed.
    pub(crate) query: Option<&'static str>,
    /// The counts of a call that the platform has completed.
    pub(crate) measures: Counts,
}

/// What a failure of a batch has to know about one of its queries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) reads_only: bool,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self::of(kind, message.into())
    }

    /// Not inlined: there are hundreds of callers.
    #[cold]
    #[inline(never)]
    fn of(kind: ErrorKind, message: Cow<'static, str>) -> Self {
        Self(Box::new(Cause {
            kind,
            message: message.into_owned(),
            source: None,
            is_committed: false,
            is_own: false,
            is_final: false,
            is_read: false,
            index: None,
            query: None,
            measures: Counts::default(),
        }))
    }

    pub(crate) fn because(
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let mut failure = Self::new(kind, message);
        failure.source = Some(source.into());
        failure
    }

    /// Adds the counts of a call that the platform has completed.
    pub(crate) fn with(mut self, measures: Counts) -> Self {
        self.measures = measures;
        self
    }

    /// Replaces the kind.
    pub(crate) fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Replaces the message.
    pub(crate) fn saying(mut self, message: String) -> Self {
        self.message = message;
        self
    }

    /// Adds the position of the query of a batch that failed, from 0, or removes it.
    pub(crate) fn at(mut self, index: impl Into<Option<usize>>) -> Self {
        self.index = index.into();
        self
    }

    /// Adds the name of the query of a batch that failed, or the names of those that can have
    /// failed: D1 does not report which one it was.
    pub(crate) fn in_batch(self, members: &[Member]) -> Self {
        let is_of_a_query = !matches!(
            self.kind,
            ErrorKind::Unavailable | ErrorKind::Overloaded | ErrorKind::Misconfigured
        );
        if self.index.is_none() && !is_of_a_query {
            return self;
        }

        let possible: Vec<usize> = match self.index {
            Some(index) => vec![index],
            None => self.suspects(members),
        };
        match *possible {
            [] => self,
            [index] => self.of_member(index, members),
            _ => self.of_one_of(possible.iter().filter_map(|index| members.get(*index))),
        }
    }

    /// The queries that can have failed. Only a write violates a constraint.
    fn suspects(&self, members: &[Member]) -> Vec<usize> {
        let is_of_a_write = matches!(self.kind, ErrorKind::Constraint(_));
        let all = members.iter().enumerate();
        let possible = all.filter(|(_, member)| !(is_of_a_write && member.reads_only));
        possible.map(|(index, _)| index).collect()
    }

    fn of_member(mut self, index: usize, members: &[Member]) -> Self {
        let Some(Member { name, .. }) = members.get(index) else {
            return self;
        };
        let (number, count) = (index + 1, members.len());
        self.query = Some(name);
        let message = format!("query {number} of {count}, `{name}`: {}", self.message);
        self.saying(message).at(index)
    }

    fn of_one_of<'m>(mut self, members: impl Iterator<Item = &'m Member>) -> Self {
        let mut names: Vec<(&'static str, usize)> = Vec::new();
        for Member { name, .. } in members {
            match names.iter_mut().find(|(known, _)| known == name) {
                Some((_, count)) => *count += 1,
                None => names.push((name, 1)),
            }
        }

        let mut message = "one of the queries".to_owned();
        for (index, (name, count)) in names.iter().enumerate() {
            let separator = if index == 0 { " " } else { ", " };
            let _ = write!(message, "{separator}`{name}`");
            if *count > 1 {
                let _ = write!(message, " ({count} times)");
            }
        }
        self.query = match *names {
            [(name, _)] => Some(name),
            _ => None,
        };
        let message = format!("{message}: {}", self.message);
        self.saying(message)
    }

    /// The failure of a call that has changed stored data before it failed.
    pub(crate) fn after_commit(mut self) -> Self {
        self.is_committed = true;
        let message = format!("{}; the changes of the call are committed", self.message);
        self.saying(message)
    }
}

impl Deref for Failure {
    type Target = Cause;

    fn deref(&self) -> &Cause {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Cause {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, Member};
    use crate::error::{Constraint, ErrorKind};

    const READ: Member = Member {
        name: "read",
        reads_only: true,
    };
    const WRITE: Member = Member {
        name: "write",
        reads_only: false,
    };
    const OTHER: Member = Member {
        name: "other",
        reads_only: false,
    };

    fn located(kind: ErrorKind, members: &[Member]) -> (String, Option<&'static str>) {
        let failure = Failure::new(kind, "no").in_batch(members);
        (failure.message.clone(), failure.query)
    }

    #[test]
    fn a_failure_names_the_queries_that_can_have_failed() {
        let unique = ErrorKind::Constraint(Constraint::Unique);
        let internal = ErrorKind::Internal;
        let text = |text: &str| text.to_owned();

        let known = Failure::new(internal, "no").at(1).in_batch(&[READ, WRITE]);
        assert_eq!(known.message, "query 2 of 2, `write`: no");
        assert_eq!((known.query, known.index), (Some("write"), Some(1)));

        let only = located(unique, &[READ, WRITE]);
        assert_eq!(only, (text("query 2 of 2, `write`: no"), Some("write")));
        let two = located(unique, &[READ, WRITE, WRITE, OTHER]);
        let names = "one of the queries `write` (2 times), `other`: no";
        assert_eq!(two, (text(names), None));
        let same = located(internal, &[WRITE, WRITE]);
        let names = "one of the queries `write` (2 times): no";
        assert_eq!(same, (text(names), Some("write")));
        let none = located(ErrorKind::Unavailable, &[READ, WRITE]);
        assert_eq!(none, (text("no"), None), "the connection failed");
    }
}
