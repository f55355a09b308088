//! Diagnostics: what is wrong, where, and how to fix it. Every entry point prints the same text.
//!
//! Stages push into [`Errors`] and continue, so that one run reports all errors.

mod code;
mod fix;
mod render;
mod suggest;

use std::collections::BTreeMap;

use crate::source::{Sources, Span};

pub use code::{Code, Level, Stage};
pub use fix::{Add, Append, Edit, Fix, Literal, Rename, SETTINGS_FILE, Setting};
pub use render::render;
pub use suggest::{nearest, suggestion};

/// Whether a diagnostic makes the build fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The build fails.
    Error,
    /// The build succeeds. `cargo bindery check` prints it; a macro cannot on stable Rust.
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

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it makes the build fail.
    pub severity: Severity,
    /// The stable code.
    pub code: Code,
    /// One sentence, without a full stop.
    pub message: String,
    /// The position in the source; `None` if the diagnostic has no position.
    pub span: Option<Span>,
    /// A few words beside the caret.
    pub label: String,
    /// Related places, with a few words each.
    pub also: Vec<(Span, String)>,
    /// How to fix it, in words.
    pub help: Option<String>,
    /// How to fix it, as a change of a file.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A diagnostic with a code, a sentence and a place.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>, span: impl Into<Option<Span>>) -> Self {
        let severity = match code.level() {
            Level::Error | Level::Either => Severity::Error,
            Level::Warning => Severity::Warning,
        };
        Self {
            severity,
            code,
            message: message.into(),
            span: span.into(),
            label: String::new(),
            also: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// Makes it a warning. The code must allow that.
    #[must_use]
    pub fn warning(mut self) -> Self {
        debug_assert_ne!(
            self.code.level(),
            Level::Error,
            "{} is always an error",
            self.code.id()
        );
        self.severity = Severity::Warning;
        self
    }

    /// Sets the words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds a related place.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }

    /// Sets how to fix it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the change that fixes it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<Option<Fix>>) -> Self {
        self.fix = fix.into();
        self
    }

    /// How to fix it. Code in it can be pasted into the file of the diagnostic.
    #[must_use]
    pub fn help_text(&self, sources: &Sources) -> Option<String> {
        let fix = self.fix.as_ref().map(|fix| fix.help(sources));
        match (fix, &self.help) {
            (Some(fix), Some(help)) => Some(format!("{help}\n{fix}")),
            (fix, help) => fix.or_else(|| help.clone()),
        }
    }
}

/// The diagnostics of a run, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Errors {
    diagnostics: Vec<Diagnostic>,
    /// The diagnostics by code and place, so that an equal one is found without a search.
    known: BTreeMap<(&'static str, Option<Span>), Vec<usize>>,
}

impl Errors {
    /// Adds a diagnostic, unless there is an equal one already: a view that two queries read is
    /// analyzed twice.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let key = (diagnostic.code.id(), diagnostic.span);
        let known = self.known.entry(key).or_default();
        if known
            .iter()
            .all(|index| self.diagnostics[*index] != diagnostic)
        {
            known.push(self.diagnostics.len());
            self.diagnostics.push(diagnostic);
        }
    }

    /// Adds the diagnostics of another run.
    pub fn extend(&mut self, other: Self) {
        for diagnostic in other.diagnostics {
            self.push(diagnostic);
        }
    }

    /// The number of errors, without warnings.
    #[must_use]
    pub fn count(&self) -> usize {
        self.errors().count()
    }

    /// Whether there is no error. There may be warnings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.errors().next().is_none()
    }

    /// Whether there is an error of a stage.
    #[must_use]
    pub fn has_stage(&self, stage: Stage) -> bool {
        self.errors()
            .any(|diagnostic| diagnostic.code.stage() == stage)
    }

    fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The errors, without warnings.
    pub(crate) fn into_errors(self) -> impl Iterator<Item = Diagnostic> {
        let diagnostics = self.diagnostics.into_iter();
        diagnostics.filter(|diagnostic| diagnostic.severity == Severity::Error)
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

    /// Each error as text, in the order of the files: the header, the source line with carets, and
    /// the help.
    #[must_use]
    pub fn render(&self, sources: &Sources) -> Vec<String> {
        self.render_if(sources, |_| true)
    }

    /// Each error of some stages as text.
    #[must_use]
    pub fn render_stages(&self, sources: &Sources, stages: &[Stage]) -> Vec<String> {
        self.render_if(sources, |code| stages.contains(&code.stage()))
    }

    fn render_if(&self, sources: &Sources, include: impl Fn(Code) -> bool) -> Vec<String> {
        let errors = self.sorted().into_iter().filter(|diagnostic| {
            diagnostic.severity == Severity::Error && include(diagnostic.code)
        });
        errors
            .map(|diagnostic| render(diagnostic, sources))
            .collect()
    }
}
