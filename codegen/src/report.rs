//! What went wrong, where, and what to do: one form of diagnostic, one renderer for every door.
//!
//! Stages push into [`Errors`] and go on; a door prints them all at once.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::source::{Sources, Span};

/// The stable codes. `B01` the manifest, `B02` the schema, `B03` SQL, `B04` the Rust side.
pub mod code {
    /// A file cannot be read, or the manifest is not found.
    pub const UNREADABLE: &str = "B0101";
    /// The manifest is not TOML or JSON.
    pub const MANIFEST_SYNTAX: &str = "B0102";
    /// A field has the wrong type or is missing.
    pub const MANIFEST_FIELD: &str = "B0103";
    /// Two bindings share a name, or share a Rust name.
    pub const DUPLICATE_BINDING: &str = "B0104";
    /// A name that cannot be a binding's.
    pub const BINDING_NAME: &str = "B0105";
    /// A key that looks like a misspelt kind of binding.
    pub const UNKNOWN_KEY: &str = "B0106";
    /// A value outside the platform's limits.
    pub const MANIFEST_LIMIT: &str = "B0107";
    /// Environments that do not fit each other, or one that is not there.
    pub const ENVIRONMENT: &str = "B0108";
    /// A migration that SQLite or D1 refuses.
    pub const MIGRATION: &str = "B0201";
    /// A schema that has no migration although queries need one.
    pub const NO_MIGRATIONS: &str = "B0202";
    /// A query's annotation is missing or wrong.
    pub const ANNOTATION: &str = "B0301";
    /// SQLite refuses the statement.
    pub const SQLITE: &str = "B0302";
    /// No table, view or CTE of that name.
    pub const UNKNOWN_TABLE: &str = "B0303";
    /// No column of that name.
    pub const UNKNOWN_COLUMN: &str = "B0304";
    /// A name that more than one table has.
    pub const AMBIGUOUS: &str = "B0305";
    /// No function of that name, or one that D1 denies.
    pub const UNKNOWN_FUNCTION: &str = "B0306";
    /// A parameter whose type cannot be told.
    pub const UNTYPED_PARAMETER: &str = "B0307";
    /// A parameter that is used as two types.
    pub const CONFLICTING_PARAMETER: &str = "B0308";
    /// Two result columns share a name, or one has none.
    pub const RESULT_NAME: &str = "B0309";
    /// The number of rows that the annotation promises cannot be.
    pub const CARDINALITY: &str = "B0310";
    /// SQL that is right but not understood yet.
    pub const UNSUPPORTED: &str = "B0311";
    /// The columns and values of an INSERT do not fit.
    pub const INSERT: &str = "B0312";
    /// More than one statement where one belongs.
    pub const SEVERAL_STATEMENTS: &str = "B0313";
    /// A folder of queries that belongs to no database.
    pub const STRAY_QUERIES: &str = "B0314";
    /// Two queries share a name.
    pub const DUPLICATE_QUERY: &str = "B0315";
    /// An `AS "name: Type"` that is not understood.
    pub const OVERRIDE: &str = "B0316";
    /// The arguments of an inline query do not fit its parameters.
    pub const ARGUMENTS: &str = "B0317";
    /// An UPDATE or DELETE without WHERE.
    pub const UNGUARDED: &str = "B0318";
    /// A table is read whole.
    pub const FULL_SCAN: &str = "B0319";
    /// Two queries of one row type differ in shape.
    pub const SHARED_ROW: &str = "B0320";
    /// An attribute names a binding that the manifest lacks, or one of another kind.
    pub const UNKNOWN_BINDING: &str = "B0401";
    /// An attribute is malformed.
    pub const ATTRIBUTE: &str = "B0402";
    /// The manifest names a handler that the code lacks, or the reverse.
    pub const HANDLER: &str = "B0403";
    /// A field of a `Row` does not fit its query.
    pub const ROW_FIELD: &str = "B0404";
}

/// Whether a diagnostic ends the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A mistake: nothing is built.
    Error,
    /// Something to look at. `cargo bindery check` shows it; a macro cannot on stable Rust.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One mistake, or one thing to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it ends the build.
    pub severity: Severity,
    /// The stable code.
    pub code: &'static str,
    /// One sentence, without a full stop.
    pub message: String,
    /// Where; `None` when there is no text to point at.
    pub span: Option<Span>,
    /// A few words beside the caret.
    pub label: String,
    /// Other places that matter, with a few words each.
    pub also: Vec<(Span, String)>,
    /// What to do; can be pasted where it is code.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic with a code, a sentence and a place.
    #[must_use]
    pub fn new(
        code: &'static str,
        message: impl Into<String>,
        span: impl Into<Option<Span>>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            span: span.into(),
            label: String::new(),
            also: Vec::new(),
            help: None,
        }
    }

    /// As something to look at.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// With a few words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With another place.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The diagnostics of a run, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Errors {
    diagnostics: Vec<Diagnostic>,
}

impl Errors {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        // A view that two queries read is analyzed twice; its mistake is still one.
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Adds those of another run.
    pub fn extend(&mut self, other: Self) {
        other
            .diagnostics
            .into_iter()
            .for_each(|diagnostic| self.push(diagnostic));
    }

    /// How many errors there are so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .count()
    }

    /// Whether there is no error.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Whether there is an error whose code begins so.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        self.diagnostics.iter().any(|diagnostic| {
            diagnostic.severity == Severity::Error && diagnostic.code.starts_with(code)
        })
    }

    /// The errors, without the warnings.
    pub(crate) fn into_errors(self) -> impl Iterator<Item = Diagnostic> {
        self.diagnostics
            .into_iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Errors and warnings, in the order in which they were found.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter()
    }

    /// Errors and warnings, in the order of the files.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.diagnostics.iter().collect();
        sorted.sort_by_key(|diagnostic| diagnostic.span);
        sorted
    }

    /// Each error as text, in the order of the files: the header, the place with its line and carets,
    /// the help.
    #[must_use]
    pub fn render(&self, sources: &Sources) -> Vec<String> {
        let errors = self
            .sorted()
            .into_iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error);
        errors
            .map(|diagnostic| render(diagnostic, sources))
            .collect()
    }
}

/// `error[CODE]: message` or `warning[CODE]: message`, then the place, then the help.
#[must_use]
pub fn render(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code);
    let mut group: Group<'_> = Group::with_title(title);
    let mut groups = Vec::new();
    if let Some(span) = diagnostic.span {
        let file = sources.file(span.file);
        let mut snippet = Snippet::source(file.text.as_str())
            .path(file.name.as_str())
            .annotation(
                AnnotationKind::Primary
                    .span(clamp(span, &file.text))
                    .label(diagnostic.label.as_str()),
            );
        let mut elsewhere = Vec::new();
        for (also, label) in &diagnostic.also {
            if also.file == span.file {
                snippet = snippet.annotation(
                    AnnotationKind::Context
                        .span(clamp(*also, &file.text))
                        .label(label.as_str()),
                );
            } else {
                let other = sources.file(also.file);
                elsewhere.push(
                    Snippet::source(other.text.as_str())
                        .path(other.name.as_str())
                        .annotation(
                            AnnotationKind::Context
                                .span(clamp(*also, &other.text))
                                .label(label.as_str()),
                        ),
                );
            }
        }
        group = group.element(snippet);
        group = group.elements(elsewhere);
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    groups.push(group);
    Renderer::plain().render(&groups)
}

/// The renderer wants ranges inside the text and on character boundaries.
fn clamp(span: Span, text: &str) -> std::ops::Range<usize> {
    let boundary = |position: usize| {
        (0..=position.min(text.len()))
            .rev()
            .find(|&p| text.is_char_boundary(p))
            .unwrap_or(0)
    };
    let start = boundary(span.start);
    start..boundary(span.end).max(start)
}

/// Characters of the longest word for which a nearest name is sought.
const LONGEST_NAME: usize = 100;

/// The candidate that `word` is most likely a slip of, if one is near.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let length = lower.chars().count();
    // No slip of a name is this long, and comparing takes the product of the lengths.
    if length > LONGEST_NAME {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| {
            candidate.len() <= 4 * LONGEST_NAME
                && candidate.chars().count().abs_diff(length) <= length / 2 + 1
        })
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            *distance <= (candidate.chars().count().max(word.chars().count()) / 3).max(1)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words: insert, delete, replace, or swap of neighbours.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i; right.len() + 1];
        for j in 1..=right.len() {
            let same = usize::from(left[i - 1] != right[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + same);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

/// Names that a help lists.
const MOST_NAMES: usize = 16;

/// `did you mean x?`, or the names there are.
#[must_use]
pub fn suggestion(word: &str, what: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if candidates.is_empty() => format!("there are no {what}"),
        None => {
            let names: Vec<String> = candidates
                .iter()
                .take(MOST_NAMES)
                .map(|candidate| format!("`{candidate}`"))
                .collect();
            let more = candidates.len().saturating_sub(MOST_NAMES);
            let more = if more == 0 {
                String::new()
            } else {
                format!(", and {more} more")
            };
            format!("the {what}: {}{more}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn nearest_finds_slips_and_nothing_else() {
        let names = ["filename", "file_key", "size_bytes"];
        assert_eq!(super::nearest("filenmae", names), Some("filename"));
        assert_eq!(super::nearest("Size_Byte", names), Some("size_bytes"));
        assert_eq!(super::nearest("owner", names), None);
    }
}
