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
    let primary = annotation(AnnotationKind::Primary, span, &diagnostic.label, sources);
    let mut first = snippet(span, sources).annotation(primary);
    let mut others = Vec::new();
    for (also, label) in &diagnostic.also {
        let context = annotation(AnnotationKind::Context, *also, label, sources);
        if also.file == span.file {
            first = first.annotation(context);
        } else {
            others.push(snippet(*also, sources).annotation(context));
        }
    }

    others.insert(0, first);
    others
}

fn snippet(span: Span, sources: &Sources) -> Snippet<'_, Annotation<'_>> {
    let file = sources.file(span.file);
    Snippet::source(file.shown()).path(file.name.as_str())
}

fn annotation<'a>(
    kind: AnnotationKind,
    span: Span,
    label: &'a str,
    sources: &Sources,
) -> Annotation<'a> {
    let text = sources.file(span.file).shown();
    kind.span(clamp(span, text)).label(label)
}

/// The renderer requires ranges inside the text and on character boundaries.
fn clamp(span: Span, text: &str) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    start..text.floor_char_boundary(span.end).max(start)
}
