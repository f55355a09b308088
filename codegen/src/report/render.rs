//! Diagnostics as text, with the source line and carets.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Severity};
use crate::source::{Sources, Span};

/// `error[CODE]: message` or `warning[CODE]: message`, then the place, then the help.
#[must_use]
pub fn render(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.id());
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
