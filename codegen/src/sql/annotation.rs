//! `-- name: file_by_id :optional`, or `... :optional FileRow`: the comments that make methods of the statements of a file.

use std::ops::Range;

use bindery_sqlite::token::{self, Kind};

use crate::report::{Code, Diagnostic, Errors, nearest};
use crate::source::{FileId, Sources, Span, Spanned};

/// How many rows a query gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// Exactly one; none is an error.
    One,
    /// One or none.
    Optional,
    /// Any number.
    Many,
    /// None: the statement is run for what it changes.
    Exec,
}

impl Cardinality {
    const ALL: [(&'static str, Self); 4] = [
        ("one", Self::One),
        ("optional", Self::Optional),
        ("many", Self::Many),
        ("exec", Self::Exec),
    ];

    /// The word of the annotation.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, cardinality)| *cardinality == self)
            .map_or("", |(word, _)| word)
    }
}

/// A statement with its annotation.
#[derive(Debug, Clone)]
pub struct Annotated {
    /// The method's name.
    pub name: Spanned<String>,
    /// How many rows.
    pub cardinality: Spanned<Cardinality>,
    /// The row type, when it is named: queries of one shape can share it.
    pub row: Option<Spanned<String>>,
    /// The comment lines below the annotation.
    pub docs: Vec<String>,
    /// The statement, without comments around it.
    pub sql: Span,
}

/// The annotated statements of a file.
pub fn read(errors: &mut Errors, sources: &Sources, file: FileId) -> Vec<Annotated> {
    let text = &sources.file(file).text;
    let at = |range: Range<usize>| Span {
        file,
        start: range.start,
        end: range.end,
    };
    let comments: Vec<Range<usize>> = token::tokenize(text)
        .into_iter()
        .filter(|token| token.kind == Kind::Comment && text[token.span.clone()].starts_with("--"))
        .map(|token| token.span)
        .collect();
    let mut annotations: Vec<(Header, Vec<String>, usize)> = Vec::new();
    for span in comments {
        let line = text[span.clone()].trim_start_matches('-').trim();
        match line
            .strip_prefix("name:")
            .or_else(|| line.strip_prefix("name :"))
        {
            Some(_) => annotations.push((header(errors, text, &span, file), Vec::new(), span.end)),
            None => {
                if let Some((_, docs, end)) = annotations.last_mut()
                    && text[*end..span.start].trim().is_empty()
                {
                    docs.push(line.to_owned());
                    *end = span.end;
                }
            }
        }
    }
    let statements = token::statements(text);
    let mut annotated = Vec::new();
    let mut unclaimed: Vec<&Range<usize>> = statements.iter().collect();
    for (index, (header, docs, start)) in annotations.iter().enumerate() {
        let end = annotations
            .get(index + 1)
            .map_or(text.len(), |(header, _, _)| header.span.start);
        let own: Vec<&Range<usize>> = statements
            .iter()
            .filter(|statement| statement.start >= *start && statement.start < end)
            .collect();
        unclaimed.retain(|statement| !own.contains(statement));
        let holds = |statement: &Range<usize>, place: usize| {
            statement.start < place && place < statement.end
        };
        match own.as_slice() {
            [] if statements
                .iter()
                .any(|statement| holds(statement, header.span.start)) =>
            {
                errors.push(
                    Diagnostic::new(
                        Code::Annotation,
                        "the statement above does not end",
                        at(header.span.clone()),
                    )
                    .label("the next query begins here")
                    .help("end the statement above with `;`"),
                )
            }
            // Told where the next query begins.
            [only]
                if annotations
                    .iter()
                    .any(|(next, ..)| holds(only, next.span.start)) => {}
            [] => errors.push(
                Diagnostic::new(
                    Code::Annotation,
                    "the annotation has no statement",
                    at(header.span.clone()),
                )
                .label("no statement before the next annotation"),
            ),
            [_, second, ..] => errors.push(
                Diagnostic::new(
                    Code::SeveralStatements,
                    "a query is one statement",
                    at((*second).clone()),
                )
                .label("a second one")
                .also(
                    at(header.span.clone()),
                    "the annotation that both stand under",
                )
                .help("give it an annotation of its own, and run the two in a `batch`"),
            ),
            [only] => {
                if let (Some(name), Some(cardinality)) = (&header.name, &header.cardinality) {
                    annotated.push(Annotated {
                        name: name.clone(),
                        cardinality: cardinality.clone(),
                        row: header.row.clone(),
                        docs: docs.clone(),
                        sql: at((*only).clone()),
                    });
                }
            }
        }
    }
    for statement in unclaimed {
        errors.push(
            Diagnostic::new(Code::Annotation, "the statement has no annotation", at(statement.clone()))
                .label("no method would run it")
                .help("write `-- name: a_name :many` on the line above; `:one`, `:optional` and `:exec` are the others"),
        );
    }
    annotated
}

struct Header {
    span: Range<usize>,
    name: Option<Spanned<String>>,
    cardinality: Option<Spanned<Cardinality>>,
    row: Option<Spanned<String>>,
}

/// `name: identifier :cardinality`
fn header(errors: &mut Errors, text: &str, span: &Range<usize>, file: FileId) -> Header {
    let line = &text[span.clone()];
    let after = line.find(':').map_or(line.len(), |colon| colon + 1);
    let mut words = Vec::new();
    let mut position = after;
    for word in line[after..].split_whitespace() {
        let start = line[position..]
            .find(word)
            .map_or(position, |offset| position + offset);
        position = start + word.len();
        words.push((
            word,
            Span {
                file,
                start: span.start + start,
                end: span.start + position,
            },
        ));
    }
    let whole = Span {
        file,
        start: span.start,
        end: span.end,
    };
    let mut header = Header {
        span: span.clone(),
        name: None,
        cardinality: None,
        row: None,
    };
    let example = "write `-- name: file_by_id :optional`";
    match words.first() {
        Some((word, place)) if is_snake_case(word) => {
            header.name = Some(Spanned {
                value: (*word).to_owned(),
                span: *place,
            })
        }
        Some((word, place)) => errors.push(
            Diagnostic::new(
                Code::Annotation,
                format!("`{word}` cannot name a query"),
                *place,
            )
            .label("lower-case letters, digits and `_`, not a digit first")
            .help(example),
        ),
        None => errors.push(
            Diagnostic::new(Code::Annotation, "the annotation has no name", whole)
                .label("a name belongs here")
                .help(example),
        ),
    }
    match words.get(1) {
        Some((word, place)) => {
            let bare = word.trim_start_matches(':');
            match Cardinality::ALL
                .iter()
                .find(|(known, _)| *known == bare && word.starts_with(':'))
            {
                Some((_, cardinality)) => {
                    header.cardinality = Some(Spanned {
                        value: *cardinality,
                        span: *place,
                    })
                }
                None => {
                    let near = nearest(bare, Cardinality::ALL.iter().map(|(known, _)| *known))
                        .unwrap_or("many");
                    errors.push(
                        Diagnostic::new(
                            Code::Annotation,
                            format!("`{word}` does not say how many rows"),
                            *place,
                        )
                        .label("`:one`, `:optional`, `:many` or `:exec`")
                        .help(format!("did you mean `:{near}`?")),
                    );
                }
            }
        }
        None => {
            if let Some(name) = &header.name {
                errors.push(
                    Diagnostic::new(
                        Code::Annotation,
                        "the annotation does not say how many rows",
                        whole,
                    )
                    .label("`:one`, `:optional`, `:many` or `:exec` belongs at its end")
                    .help(format!(
                        "for every row, write `-- name: {} :many`",
                        name.value
                    )),
                );
            }
        }
    }
    match words.get(2) {
        Some((word, place)) if is_type_name(word) => {
            header.row = Some(Spanned {
                value: (*word).to_owned(),
                span: *place,
            })
        }
        Some((word, place)) => not_understood(errors, word, *place),
        None => {}
    }
    if let Some((word, place)) = words.get(3) {
        not_understood(errors, word, *place);
    }
    header
}

fn not_understood(errors: &mut Errors, word: &str, place: Span) {
    errors.push(
        Diagnostic::new(Code::Annotation, format!("`{word}` is not understood"), place)
            .label("the annotation ends before this, or with the name of a row type")
            .help("a sentence about the query goes on the next line, as a comment; a row type is named like `FileRow`"),
    );
}

/// Whether a word names a type as Rust does: `FileRow`.
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
