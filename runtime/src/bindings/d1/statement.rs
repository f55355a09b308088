//! Statements: generated ones, and those of the caller.

use std::borrow::Cow;
use std::sync::Arc;

use bindery_sqlite::outline::Outline;
use bindery_sqlite::{MAX_BOUND_PARAMETERS, MAX_SQL_BYTES};

use crate::error::{ErrorKind, Failure};
use crate::limits;

use super::page::Window;

/// The SQL of a query, with its analysis. Generated.
#[derive(Debug)]
pub struct Statement {
    /// The name of the query in measurements and errors.
    pub name: &'static str,
    /// The SQL, with numbered parameters.
    pub sql: &'static str,
    /// The names of the result columns.
    pub columns: &'static [&'static str],
    /// The positions of the columns that can be a BLOB.
    pub blobs: &'static [usize],
    /// Whether the statement only reads, and does not depend on earlier statements.
    pub reads_only: bool,
    /// The tables that it reads.
    pub reads: &'static [&'static str],
    /// The tables that it writes, also by triggers and foreign key actions.
    pub writes: &'static [&'static str],
}

/// A statement that the compiler has not checked.
#[derive(Debug)]
pub(crate) struct Unchecked {
    pub(super) name: &'static str,
    pub(super) sql: Cow<'static, str>,
    /// The columns of the row type; `None` if the rows are discarded.
    pub(super) columns: Option<&'static [&'static str]>,
    /// What the text shows; `None` if it is longer than D1 allows.
    pub(super) outline: Option<Outline>,
}

impl Unchecked {
    pub(super) fn new(
        name: &'static str,
        sql: Cow<'static, str>,
        columns: Option<&'static [&'static str]>,
    ) -> Self {
        let outline = (sql.len() <= MAX_SQL_BYTES).then(|| Outline::of(&sql));
        Self {
            name,
            sql,
            columns,
            outline,
        }
    }

    /// Fails if the text is not one statement with `bound` parameters.
    fn check(&self, bound: usize) -> Result<(), Failure> {
        let Some(outline) = self.outline else {
            let (found, page) = (self.sql.len(), limits::d1::PAGE);
            return limits::bytes("the statement", found, MAX_SQL_BYTES, page);
        };

        let message = match outline {
            Outline { statements: 0, .. } => "the SQL contains no statement".to_owned(),
            Outline { statements: 1, .. } if outline.parameters == bound => return Ok(()),
            Outline { statements: 1, .. } => format!(
                "the statement has {}, but {bound} {} bound",
                count(outline.parameters, "parameter"),
                if bound == 1 { "value is" } else { "values are" }
            ),
            Outline { statements, .. } => format!(
                "the SQL contains {statements} statements, but a query is one statement; run the \
                 others in a batch"
            ),
        };
        Err(Failure::new(ErrorKind::InvalidArgument, message))
    }

    /// Finds the columns of the row type in a result.
    fn order<'n>(
        &self,
        found: impl Iterator<Item = &'n str>,
    ) -> Result<Option<Box<[usize]>>, Failure> {
        let Some(expected) = self.columns else {
            return Ok(None);
        };

        let found: Vec<&str> = found.collect();
        let mut order = Vec::with_capacity(expected.len());
        for name in expected {
            let mut same = (0..found.len()).filter(|index| found[*index] == *name);
            let message = match (same.next(), same.next()) {
                (Some(index), None) => {
                    order.push(index);
                    continue;
                }
                (Some(_), Some(_)) => format!("the statement returns several columns `{name}`"),
                (None, _) => format!("the statement returns no column `{name}`"),
            };
            return Err(Failure::new(ErrorKind::Decode, message));
        }

        if found.len() > expected.len() {
            let message = format!(
                "the statement returns {}, but the row type has {}",
                count(found.len(), "column"),
                count(expected.len(), "field")
            );
            return Err(Failure::new(ErrorKind::Decode, message));
        }
        Ok(Some(order.into()))
    }
}

fn count(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A text that the arguments determine.
#[derive(Debug)]
pub(crate) struct Assembly {
    pub(super) sql: String,
    /// The page that the query returns.
    pub(super) window: Option<Window>,
}

/// The statement of a query.
#[derive(Debug, Clone)]
pub(crate) enum AnyStatement {
    Generated(&'static Statement),
    /// A generated statement whose text depends on the arguments.
    Assembled(&'static Statement, Arc<Assembly>),
    Unchecked(Arc<Unchecked>),
}

impl AnyStatement {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Generated(statement) | Self::Assembled(statement, _) => statement.name,
            Self::Unchecked(statement) => statement.name,
        }
    }

    pub(crate) fn sql(&self) -> &str {
        match self {
            Self::Generated(statement) => statement.sql,
            Self::Assembled(_, assembly) => &assembly.sql,
            Self::Unchecked(statement) => &statement.sql,
        }
    }

    /// The names of the columns in the order of the row type. For a generated statement this is
    /// their order in the result.
    pub(crate) fn columns(&self) -> &'static [&'static str] {
        match self {
            Self::Generated(statement) | Self::Assembled(statement, _) => statement.columns,
            Self::Unchecked(statement) => statement.columns.unwrap_or_default(),
        }
    }

    /// Returns the positions of the columns that can be a BLOB, as far as they are known.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn blobs(&self) -> &'static [usize] {
        match self {
            Self::Generated(statement) | Self::Assembled(statement, _) => statement.blobs,
            Self::Unchecked(_) => &[],
        }
    }

    /// The page that the query returns.
    pub(super) fn window(&self) -> Option<&Window> {
        match self {
            Self::Assembled(_, assembly) => assembly.window.as_ref(),
            Self::Generated(_) | Self::Unchecked(_) => None,
        }
    }

    /// Whether the statement only reads, and does not depend on earlier statements.
    pub(crate) fn reads_only(&self) -> bool {
        match self {
            Self::Generated(statement) | Self::Assembled(statement, _) => statement.reads_only,
            Self::Unchecked(statement) => {
                let outline = statement.outline;
                outline.is_some_and(|outline| outline.reads_only)
            }
        }
    }

    /// The tables that the statement reads, and those that it writes. `None` if they are not known.
    #[cfg(feature = "query-cache")]
    pub(super) fn tables(&self) -> Option<[&'static [&'static str]; 2]> {
        match self {
            Self::Generated(statement) | Self::Assembled(statement, _) => {
                Some([statement.reads, statement.writes])
            }
            Self::Unchecked(_) => None,
        }
    }

    pub(crate) fn is_unchecked(&self) -> bool {
        matches!(self, Self::Unchecked(_))
    }

    /// Whether [`order`](Self::order) needs the names of the columns of a result.
    pub(crate) fn needs_names(&self) -> bool {
        match self {
            Self::Generated(_) | Self::Assembled(..) => false,
            Self::Unchecked(statement) => statement.columns.is_some(),
        }
    }

    /// Returns the position in the result of each column of the row type; `None` if the result has
    /// their order.
    ///
    /// The names in the error are those of the row type: a name in the result can be an expression
    /// with a value of the caller.
    pub(crate) fn order<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Option<Box<[usize]>>, Failure> {
        match self {
            Self::Generated(_) | Self::Assembled(..) => Ok(None),
            Self::Unchecked(statement) => statement.order(names),
        }
    }

    /// Fails if a limit of D1 for the statement is exceeded, or its parameters do not match.
    pub(super) fn check(&self, bound: usize) -> Result<(), Failure> {
        if bound > MAX_BOUND_PARAMETERS {
            let page = limits::d1::PAGE;
            let found = format_args!("{bound} parameters");
            let noun = "the statement";
            return Err(Failure::limit(noun, found, MAX_BOUND_PARAMETERS, page));
        }
        if let Some(reason) = self.window().and_then(|window| window.refused) {
            return Err(Failure::new(ErrorKind::InvalidArgument, reason));
        }
        match self {
            // The compiler has checked it.
            Self::Generated(_) | Self::Assembled(..) => Ok(()),
            Self::Unchecked(statement) => statement.check(bound),
        }
    }
}
