//! The comments that turn the statements of a file into methods: `-- name: file_by_id :optional`,
//! or `... :optional FileRow` with a row type. Options follow the row count, as in `:one :scalar`.

use std::ops::Range;

use bindery_sqlite::token::{self, Kind};

use super::Form;
use crate::report::{Code, Diagnostic, Errors, nearest};
use crate::source::{FileId, Sources, Span, Spanned};

const EXAMPLE: &str = "write `-- name: file_by_id :optional`";

/// The number of rows that a query returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// Exactly one row; an empty result is an error.
    One,
    /// One row or none.
    Optional,
    /// Any number of rows.
    Many,
    /// The rows of one page.
    Page,
    /// No rows: the statement is run for its effect.
    Exec,
    /// No rows: the statement inserts the rows of a slice.
    Bulk,
}

impl Cardinality {
    const ALL: [Self; 6] = [
        Self::One,
        Self::Optional,
        Self::Many,
        Self::Page,
        Self::Exec,
        Self::Bulk,
    ];

    /// The word of the annotation.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Optional => "optional",
            Self::Many => "many",
            Self::Page => "page",
            Self::Exec => "exec",
            Self::Bulk => "bulk",
        }
    }
}

/// How a method takes its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arguments {
    /// One after another.
    Positional,
    /// As one struct with named fields.
    Params,
}

/// A word after the row count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// The value of the only column instead of a row.
    Scalar,
    /// Optional assignments.
    Patch,
    Arguments(Arguments),
}

impl Choice {
    const ALL: [(&'static str, Self); 4] = [
        ("scalar", Self::Scalar),
        ("patch", Self::Patch),
        ("params", Self::Arguments(Arguments::Params)),
        ("positional", Self::Arguments(Arguments::Positional)),
    ];
}

/// A statement with its annotation.
#[derive(Debug, Clone)]
pub struct Annotated {
    /// The name of the method.
    pub name: Spanned<String>,
    /// The number of rows.
    pub cardinality: Spanned<Cardinality>,
    /// The name of the row type, which queries with the same columns can share.
    pub row: Option<Spanned<String>>,
    /// Where `:scalar` is, which asks for the value of the only column.
    pub scalar: Option<Span>,
    /// How the method takes its arguments, if the annotation decides it.
    pub arguments: Option<Arguments>,
    /// Where `:patch` is, which makes the assignments of an UPDATE optional.
    pub patch: Option<Span>,
    /// The comment lines below the annotation.
    pub docs: Vec<String>,
    /// The statement, without the comments around it.
    pub sql: Span,
}

impl Annotated {
    /// What the annotation changes in the text of the statement.
    #[must_use]
    pub fn form(&self) -> Form {
        match self.cardinality.value {
            Cardinality::Page => Form::Page,
            Cardinality::Bulk => Form::Bulk,
            _ if self.patch.is_some() => Form::Patch,
            _ => Form::Plain,
        }
    }
}

/// Reads the annotated statements of a file.
pub fn read(errors: &mut Errors, sources: &Sources, file: FileId) -> Vec<Annotated> {
    let text = &sources.file(file).text;
    let whole = sources.whole(file);
    let annotations = annotations(errors, text, whole);
    let statements = token::statements(text);
    let mut unannotated: Vec<&Range<usize>> = statements.iter().collect();
    let mut annotated = Vec::new();

    for (index, annotation) in annotations.iter().enumerate() {
        let end = annotations
            .get(index + 1)
            .map_or(text.len(), |next| next.header.span.start);
        let below: Vec<&Range<usize>> = statements
            .iter()
            .filter(|statement| statement.start >= annotation.end && statement.start < end)
            .collect();
        unannotated.retain(|statement| !below.contains(statement));

        match below.as_slice() {
            [] => {
                let header = annotation.header.span;
                errors.push(without_statement(&statements, header));
            }
            [statement] if contains_annotation(statement, &annotations) => {
                // The annotation inside the statement reports that the statement does not end.
            }
            [statement] => annotated.extend(annotation.of_statement(whole.part(statement))),
            [_, second, ..] => errors.push(
                Diagnostic::new(
                    Code::SeveralStatements,
                    "a query must be a single statement",
                    whole.part(second),
                )
                .label("a second statement")
                .also(annotation.header.span, "the annotation above both")
                .help("give it its own annotation, and run the two in a `batch`"),
            ),
        }
    }

    for statement in unannotated {
        errors.push(
            Diagnostic::new(
                Code::Annotation,
                "the statement has no annotation",
                whole.part(statement),
            )
            .label("no method is generated for it")
            .help(
                "write `-- name: a_name :many` on the line above; \
                 the alternatives are `:one`, `:optional`, `:page`, `:exec` and `:bulk`",
            ),
        );
    }
    annotated
}

/// The diagnostic for an annotation without a statement below it.
fn without_statement(statements: &[Range<usize>], header: Span) -> Diagnostic {
    let inside = statements
        .iter()
        .any(|statement| contains(statement, header.start));
    if inside {
        Diagnostic::new(Code::Annotation, "the statement above does not end", header)
            .label("the next query begins here")
            .help("end the statement above with `;`")
    } else {
        Diagnostic::new(Code::Annotation, "the annotation has no statement", header)
            .label("no statement before the next annotation")
    }
}

fn contains_annotation(statement: &Range<usize>, annotations: &[Annotation]) -> bool {
    annotations
        .iter()
        .any(|annotation| contains(statement, annotation.header.span.start))
}

fn contains(statement: &Range<usize>, position: usize) -> bool {
    statement.start < position && position < statement.end
}

/// A header and the comment lines that follow it.
struct Annotation {
    header: Header,
    docs: Vec<String>,
    /// Where the last of its lines ends.
    end: usize,
}

impl Annotation {
    /// The annotated statement, unless the header has errors.
    fn of_statement(&self, sql: Span) -> Option<Annotated> {
        Some(Annotated {
            name: self.header.name.clone()?,
            cardinality: self.header.cardinality.clone()?,
            row: self.header.row.clone(),
            scalar: self.header.scalar,
            arguments: self.header.arguments,
            patch: self.header.patch,
            docs: self.docs.clone(),
            sql,
        })
    }
}

/// Reads the annotations of a file, whose text is at `whole`.
fn annotations(errors: &mut Errors, text: &str, whole: Span) -> Vec<Annotation> {
    let mut annotations: Vec<Annotation> = Vec::new();
    for token in token::tokenize(text) {
        let written = &text[token.span.clone()];
        if token.kind != Kind::Comment || !written.starts_with("--") {
            continue;
        }

        let line = written.trim_start_matches('-').trim();
        if line.starts_with("name:") || line.starts_with("name :") {
            annotations.push(Annotation {
                header: header(errors, written, whole.part(&token.span)),
                docs: Vec::new(),
                end: token.span.end,
            });
        } else if let Some(annotation) = annotations.last_mut()
            && text[annotation.end..token.span.start].trim().is_empty()
        {
            annotation.docs.push(line.to_owned());
            annotation.end = token.span.end;
        }
    }
    annotations
}

/// The line of an annotation: `name: identifier :cardinality RowType`. A part with an error is
/// `None`.
struct Header {
    span: Span,
    name: Option<Spanned<String>>,
    cardinality: Option<Spanned<Cardinality>>,
    row: Option<Spanned<String>>,
    scalar: Option<Span>,
    arguments: Option<Arguments>,
    patch: Option<Span>,
}

/// A word of an annotation, with its position.
type Word<'a> = (&'a str, Span);

fn header(errors: &mut Errors, line: &str, span: Span) -> Header {
    let words = words(line, span);
    let name = name(errors, words.first(), span);
    let cardinality = match (words.get(1), &name) {
        (Some(word), _) => cardinality(errors, *word),
        (None, Some(name)) => {
            errors.push(without_cardinality(&name.value, span));
            None
        }
        // The name is the only error.
        (None, None) => None,
    };

    let mut header = Header {
        span,
        name,
        cardinality,
        row: None,
        scalar: None,
        arguments: None,
        patch: None,
    };
    for (word, place) in words.iter().skip(2) {
        if let Some(option) = word.strip_prefix(':') {
            match choice(errors, option, *place) {
                Some(Choice::Scalar) => header.scalar = Some(*place),
                Some(Choice::Patch) => header.patch = Some(*place),
                Some(Choice::Arguments(arguments)) => header.arguments = Some(arguments),
                None => {}
            }
        } else if header.row.is_none() {
            header.row = row_type(errors, (word, *place));
        } else {
            errors.push(unexpected(word, *place));
        }
    }
    header
}

/// The meaning of an option, written without its colon.
fn choice(errors: &mut Errors, option: &str, place: Span) -> Option<Choice> {
    let known = Choice::ALL.into_iter().find(|(word, _)| *word == option);
    if let Some((_, choice)) = known {
        return Some(choice);
    }

    let near = nearest(option, Choice::ALL.map(|(word, _)| word));
    let help = match near {
        Some(near) => format!("did you mean `:{near}`?"),
        None => "remove it".to_owned(),
    };
    errors.push(
        Diagnostic::new(
            Code::Annotation,
            format!("`:{option}` is not an option of a query"),
            place,
        )
        .label("expected `:scalar`, `:patch`, `:params` or `:positional`")
        .help(help),
    );
    None
}

/// Splits the text after `name:` into words.
fn words(line: &str, span: Span) -> Vec<Word<'_>> {
    let mut position = line.find(':').map_or(line.len(), |colon| colon + 1);
    let mut words = Vec::new();
    for word in line[position..].split_whitespace() {
        let start = line[position..]
            .find(word)
            .map_or(position, |offset| position + offset);
        position = start + word.len();
        words.push((word, span.part(&(start..position))));
    }
    words
}

fn name(errors: &mut Errors, word: Option<&Word<'_>>, header: Span) -> Option<Spanned<String>> {
    let Some((word, place)) = word else {
        errors.push(
            Diagnostic::new(Code::Annotation, "the annotation has no name", header)
                .label("expected a name")
                .help(EXAMPLE),
        );
        return None;
    };

    if !is_snake_case(word) {
        errors.push(
            Diagnostic::new(
                Code::Annotation,
                format!("`{word}` is not a valid query name"),
                *place,
            )
            .label("expected lower-case letters, digits and `_`, not starting with a digit")
            .help(EXAMPLE),
        );
        return None;
    }
    Some(Spanned {
        value: (*word).to_owned(),
        span: *place,
    })
}

fn cardinality(errors: &mut Errors, (word, place): Word<'_>) -> Option<Spanned<Cardinality>> {
    let bare = word.trim_start_matches(':');
    let known = Cardinality::ALL
        .into_iter()
        .find(|cardinality| cardinality.word() == bare);
    if let Some(value) = known.filter(|_| word.starts_with(':')) {
        return Some(Spanned { value, span: place });
    }

    let names = Cardinality::ALL.map(Cardinality::word);
    let longer = names.into_iter().find(|name| bare.starts_with(name));
    let near = longer.or_else(|| nearest(bare, names));
    let near = near.unwrap_or(Cardinality::Many.word());
    errors.push(
        Diagnostic::new(
            Code::Annotation,
            format!("`{word}` is not a valid row count"),
            place,
        )
        .label("expected `:one`, `:optional`, `:many`, `:page`, `:exec` or `:bulk`")
        .help(format!("did you mean `:{near}`?")),
    );
    None
}

fn without_cardinality(name: &str, header: Span) -> Diagnostic {
    Diagnostic::new(Code::Annotation, "the annotation has no row count", header)
        .label("expected `:one`, `:optional`, `:many`, `:page`, `:exec` or `:bulk` at its end")
        .help(format!("for every row, write `-- name: {name} :many`"))
}

fn row_type(errors: &mut Errors, (word, place): Word<'_>) -> Option<Spanned<String>> {
    if !is_type_name(word) {
        errors.push(unexpected(word, place));
        return None;
    }
    Some(Spanned {
        value: word.to_owned(),
        span: place,
    })
}

fn unexpected(word: &str, place: Span) -> Diagnostic {
    Diagnostic::new(Code::Annotation, format!("unexpected `{word}`"), place)
        .label("only a row type and options can follow the row count")
        .help(
            "write a description as a comment on the next line; \
             name a row type in the form `FileRow`",
        )
}

/// Whether a word is written like a Rust type: `FileRow`.
fn is_type_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase())
        && word
            .chars()
            .all(|character| character.is_ascii_alphanumeric())
}

fn is_snake_case(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && word.chars().all(|character| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
        })
        && word.chars().any(|character| character != '_')
}
