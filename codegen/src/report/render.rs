//! Diagnostics as text, with the source line and carets.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Severity};
use crate::source::{Sources, Span};

/// The text of a diagnostic: `error[CODE]: message` or `warning[CODE]: message`, the source line
/// with carets, and the help.
#[must_use]
pub fn render(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let help = diagnostic.help_text(sources);
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.id());
    let mut group = Group::with_title(title);
    if let Some(span) = diagnostic.span {
        group = group.elements(snippets(diagnostic, span, sources));
    }
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    Renderer::plain().render(&[group])
}

/// The source of a diagnostic: one snippet for its file with all places in that file, and one for
/// each place in another file.
fn snippets<'a>(
    diagnostic: &'a Diagnostic,
    span: Span,
    sources: &'a Sources,
) -> Vec<Snippet<'a, Annotation<'a>>> {
    let in_file = diagnostic
        .also
        .iter()
        .filter(|(also, _)| also.file == span.file);
    let spans = in_file.clone().map(|(also, _)| *also).chain([span]);
    let start = spans.clone().map(|span| span.start).min();
    let end = spans.map(|span| span.end).max();

    let window = Window::new(
        span,
        start.unwrap_or_default()..end.unwrap_or_default(),
        sources,
    );
    let mut first = window.snippet().annotation(window.annotation(
        AnnotationKind::Primary,
        span,
        &diagnostic.label,
    ));
    for (also, label) in in_file {
        first = first.annotation(window.annotation(AnnotationKind::Context, *also, label));
    }

    let others = diagnostic
        .also
        .iter()
        .filter(|(also, _)| also.file != span.file);
    let others = others.map(|(also, label)| {
        let window = Window::new(*also, also.start..also.end, sources);
        let context = window.annotation(AnnotationKind::Context, *also, label);
        window.snippet().annotation(context)
    });
    std::iter::once(first).chain(others).collect()
}

/// The lines of a file that a snippet shows. The renderer reads all text that it receives, and a
/// file can have thousands of diagnostics.
struct Window<'a> {
    name: &'a str,
    text: &'a str,
    start: usize,
    line: usize,
}

impl<'a> Window<'a> {
    fn new(span: Span, range: Range<usize>, sources: &'a Sources) -> Self {
        let file = sources.file(span.file);
        let (range, line) = file.lines(range);
        Self {
            name: &file.name,
            text: file.shown().get(range.clone()).unwrap_or_default(),
            start: range.start,
            line,
        }
    }

    fn snippet(&self) -> Snippet<'a, Annotation<'a>> {
        let snippet = Snippet::source(self.text).path(self.name);
        snippet.line_start(self.line)
    }

    /// The renderer requires ranges inside the text and on character boundaries.
    fn annotation(&self, kind: AnnotationKind, span: Span, label: &'a str) -> Annotation<'a> {
        let boundary = |at: usize| {
            let at = at.saturating_sub(self.start);
            self.text.floor_char_boundary(at)
        };
        let start = boundary(span.start);
        kind.span(start..boundary(span.end).max(start)).label(label)
    }
}
