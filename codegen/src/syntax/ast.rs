//! The syntax tree of a statement, with the byte range of each part. This file contains only types.

use std::ops::Range;

/// A byte range of the statement's text.
pub(crate) type Bytes = Range<usize>;

/// A name as written, without its quotes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ident {
    pub(crate) text: String,
    pub(crate) span: Bytes,
}

impl Ident {
    pub(crate) fn is(&self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement {
    Select(Box<Select>),
    Insert(Box<Insert>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    /// CREATE, PRAGMA and all others, which only SQLite checks.
    Other,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Select {
    pub(crate) ctes: Vec<Cte>,
    pub(crate) cores: Vec<Core>,
    /// The operators between the cores.
    pub(crate) operators: Vec<Compound>,
    pub(crate) order_by: Vec<Expr>,
    pub(crate) limit: Option<Expr>,
    pub(crate) offset: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cte {
    pub(crate) name: Ident,
    pub(crate) columns: Vec<Ident>,
    pub(crate) select: Select,
}

/// The operator between two selects. All have the same precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compound {
    /// UNION and UNION ALL.
    Union,
    Intersect,
    Except,
}

/// One SELECT or VALUES of a compound select.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Core {
    Query(Box<Query>),
    Values(Vec<Vec<Expr>>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) columns: Vec<ResultColumn>,
    pub(crate) from: Option<Source>,
    pub(crate) filter: Option<Expr>,
    pub(crate) group_by: Vec<Expr>,
    pub(crate) having: Option<Expr>,
    pub(crate) windows: Vec<(Ident, Window)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ResultColumn {
    /// `*`
    All(Bytes),
    /// `t.*`
    AllOf(Ident),
    Expr {
        expr: Expr,
        alias: Option<Ident>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    Table {
        schema: Option<Ident>,
        name: Ident,
        alias: Option<Ident>,
        arguments: Option<Vec<Expr>>,
    },
    Select {
        select: Box<Select>,
        alias: Option<Ident>,
        span: Bytes,
    },
    Join(Box<Join>),
    /// `(a JOIN b) AS name`
    Named {
        source: Box<Source>,
        alias: Ident,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Join {
    pub(crate) left: Source,
    pub(crate) right: Source,
    pub(crate) kind: JoinKind,
    pub(crate) natural: bool,
    pub(crate) on: Option<Expr>,
    pub(crate) using: Vec<Ident>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Insert {
    pub(crate) ctes: Vec<Cte>,
    pub(crate) conflict: Conflict,
    pub(crate) table: Ident,
    pub(crate) alias: Option<Ident>,
    pub(crate) columns: Vec<Ident>,
    /// `None` is DEFAULT VALUES.
    pub(crate) source: Option<Select>,
    pub(crate) upserts: Vec<Upsert>,
    pub(crate) returning: Vec<ResultColumn>,
}

/// What a write does with a row that violates a constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The statement fails.
    Fail,
    /// OR IGNORE: the row is skipped.
    Ignore,
    /// OR REPLACE: the row replaces others, and NULL becomes the default of a NOT NULL column.
    Replace,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Upsert {
    pub(crate) target: Vec<Expr>,
    pub(crate) target_filter: Option<Expr>,
    pub(crate) set: Vec<Assignment>,
    pub(crate) filter: Option<Expr>,
}

/// `column = value`, or `(column, ...) = value`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) columns: Vec<Ident>,
    pub(crate) value: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    pub(crate) ctes: Vec<Cte>,
    pub(crate) conflict: Conflict,
    pub(crate) table: Ident,
    pub(crate) alias: Option<Ident>,
    pub(crate) set: Vec<Assignment>,
    pub(crate) from: Option<Source>,
    pub(crate) filter: Option<Expr>,
    pub(crate) returning: Vec<ResultColumn>,
    pub(crate) order_by: Vec<Expr>,
    pub(crate) limits: Vec<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delete {
    pub(crate) ctes: Vec<Cte>,
    pub(crate) table: Ident,
    pub(crate) alias: Option<Ident>,
    pub(crate) filter: Option<Expr>,
    pub(crate) returning: Vec<ResultColumn>,
    pub(crate) order_by: Vec<Expr>,
    pub(crate) limits: Vec<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Bytes,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprKind {
    Null,
    Integer,
    Float,
    String(String),
    Blob,
    /// `CURRENT_DATE`, `CURRENT_TIME`, `CURRENT_TIMESTAMP`.
    CurrentTime,
    /// The index of the parameter.
    Parameter(usize),
    Column {
        table: Option<Ident>,
        name: Ident,
        quoted: bool,
    },
    /// `-x`, `+x`, `~x`
    Unary(char, Box<Expr>),
    Not(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `IS`, `IS NOT`, `IS [NOT] DISTINCT FROM`, `ISNULL` and `NOTNULL`.
    ///
    /// `negated` means that the operands must differ.
    Is {
        left: Box<Expr>,
        right: Box<Expr>,
        negated: bool,
    },
    /// `LIKE`, `GLOB`, `MATCH` and `REGEXP`.
    Like {
        left: Box<Expr>,
        /// Whether it is MATCH, which queries a full-text table.
        matches: bool,
        pattern: Box<Expr>,
        escape: Option<Box<Expr>>,
        negated: bool,
    },
    Between {
        operand: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        negated: bool,
    },
    In {
        operand: Box<Expr>,
        list: InList,
        negated: bool,
    },
    Exists(Box<Select>),
    Subquery(Box<Select>),
    Case {
        operand: Option<Box<Expr>>,
        arms: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Cast(Box<Expr>, String),
    Collate(Box<Expr>),
    Function(Box<Function>),
    Row(Vec<Expr>),
    Raise,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InList {
    Exprs(Vec<Expr>),
    Select(Box<Select>),
    Table(Box<Source>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    BitAnd,
    BitOr,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Concat,
    Extract,
    ExtractText,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Function {
    pub(crate) name: Ident,
    pub(crate) arguments: Vec<Expr>,
    pub(crate) star: bool,
    pub(crate) order_by: Vec<Expr>,
    pub(crate) filter: Option<Expr>,
    pub(crate) over: Option<Window>,
}

/// The expressions of a window.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Window {
    /// The named window that it uses or extends.
    pub(crate) base: Option<Ident>,
    pub(crate) exprs: Vec<Expr>,
    /// The bounds of the frame, in which parameters are whole numbers.
    pub(crate) bounds: Vec<Expr>,
    /// Whether the frame can be empty because it excludes the current row.
    pub(crate) may_be_empty: bool,
}

/// A parameter of a statement, in the order of the numbers that SQLite assigns.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Parameter {
    /// The name with its sigil; `None` for `?` and `?1`.
    pub(crate) name: Option<String>,
    /// Every use of it. Empty if the numbers have a gap.
    pub(crate) spans: Vec<Bytes>,
}

impl Parameter {
    /// The name without its sigil.
    pub(crate) fn bare_name(&self) -> Option<&str> {
        self.name.as_deref().and_then(|name| name.get(1..))
    }
}
