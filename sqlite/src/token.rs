//! SQLite's lexical grammar: splits text into tokens with byte ranges.
//!
//! The lexer never fails. Text that is not a token becomes [`Kind::Illegal`], which the parser or
//! SQLite reports.
//!
//! <https://www.sqlite.org/lang.html>, and `tokenize.c` for the corner cases.

use std::ops::Range;

/// A token and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The kind of the token.
    pub kind: Kind,
    /// The byte range in the text.
    pub span: Range<usize>,
}

impl Token {
    /// Reports whether the token is `word`, ignoring case.
    #[must_use]
    pub fn is(&self, text: &str, word: &str) -> bool {
        let (start, end) = (self.span.start, self.span.end);
        // Most words differ in length, and comparing lengths is cheap without optimization.
        end - start == word.len()
            && text.as_bytes()[start..end].eq_ignore_ascii_case(word.as_bytes())
    }
}

/// The kind of a token.
///
/// Keywords are words: SQL reserves only a few, so the parser decides which words are keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A bare word: an identifier or a keyword.
    Word,
    /// An identifier in `"double quotes"`, `` `backticks` `` or `[brackets]`.
    Quoted,
    /// A `'string'`.
    String,
    /// A blob literal, `x'00ff'`.
    Blob,
    /// An integer, decimal or hexadecimal.
    Integer,
    /// A number with a point or an exponent.
    Float,
    /// A parameter: `?`, `?1`, `:name`, `@name`, `$name`.
    Parameter,
    /// An operator or punctuation.
    Symbol,
    /// A `-- line` or `/* block */` comment.
    Comment,
    /// Text that is not a token, such as an unterminated string or a stray character.
    Illegal,
}

/// Splits `text` into tokens. Skips white space and keeps comments.
#[must_use]
pub fn tokenize(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::with_capacity(bytes.len() / 4);
    let mut position = 0;

    while position < bytes.len() {
        // SQLite treats the vertical tab as white space, unlike `is_ascii_whitespace`.
        if bytes[position].is_ascii_whitespace() || bytes[position] == 0x0b {
            position += 1;
            continue;
        }
        // A file may start with a byte order mark.
        if position == 0 && bytes.starts_with(b"\xEF\xBB\xBF") {
            position = 3;
            continue;
        }

        let (kind, mut end) = next(bytes, position);
        // A symbol or an illegal byte must not end inside a character.
        while !text.is_char_boundary(end) {
            end += 1;
        }
        tokens.push(Token {
            kind,
            span: position..end,
        });
        position = end;
    }
    tokens
}

/// Returns the byte ranges of the statements in `text`.
///
/// A range excludes the semicolon and surrounding white space and comments. The body of a trigger
/// is part of its statement.
#[must_use]
pub fn statements(text: &str) -> Vec<Range<usize>> {
    let tokens: Vec<Token> = tokenize(text)
        .into_iter()
        .filter(|token| token.kind != Kind::Comment)
        .collect();

    let mut statements = Vec::new();
    let mut first = 0;
    while first < tokens.len() {
        let length = statement_length(text, &tokens[first..]);
        let end = first + length;
        if length > 0 {
            statements.push(tokens[first].span.start..tokens[end - 1].span.end);
        }
        first = end + 1;
    }
    statements
}

/// Returns the number of tokens before the semicolon that ends the first statement.
fn statement_length(text: &str, tokens: &[Token]) -> usize {
    let is = |index: usize, word: &str| tokens.get(index).is_some_and(|token| token.is(text, word));
    let temporary = usize::from(is(1, "temp") || is(1, "temporary"));
    let is_trigger = is(0, "create") && is(1 + temporary, "trigger");

    let mut case_depth = 0_usize;
    let mut in_body = false;
    for index in 0..tokens.len() {
        if is_trigger && is(index, "begin") && !in_body {
            in_body = true;
        } else if in_body && is(index, "case") {
            case_depth += 1;
        } else if in_body && is(index, "end") {
            if case_depth == 0 {
                in_body = false;
            } else {
                case_depth -= 1;
            }
        } else if !in_body && is(index, ";") {
            return index;
        }
    }
    tokens.len()
}

/// Returns the kind and the end of the token at `start`.
fn next(bytes: &[u8], start: usize) -> (Kind, usize) {
    let after = |offset: usize| bytes.get(start + offset).copied().unwrap_or(0);

    match bytes[start] {
        b'-' if after(1) == b'-' => (
            Kind::Comment,
            find(bytes, start, b"\n").unwrap_or(bytes.len()),
        ),
        b'/' if after(1) == b'*' => (
            Kind::Comment,
            find(bytes, start + 2, b"*/").map_or(bytes.len(), |end| end + 2),
        ),

        b'\'' => quoted(bytes, start, b'\'', Kind::String),
        b'"' => quoted(bytes, start, b'"', Kind::Quoted),
        b'`' => quoted(bytes, start, b'`', Kind::Quoted),
        b'[' => find(bytes, start, b"]")
            .map_or((Kind::Illegal, bytes.len()), |end| (Kind::Quoted, end + 1)),
        b'x' | b'X' if after(1) == b'\'' => quoted(bytes, start + 1, b'\'', Kind::Blob),

        b'?' => (
            Kind::Parameter,
            run(bytes, start + 1, |byte| byte.is_ascii_digit()),
        ),
        b':' | b'@' | b'$' | b'#' => {
            let end = variable(bytes, start + 1);
            if end == start + 1 {
                (Kind::Illegal, end)
            } else {
                (Kind::Parameter, end)
            }
        }

        b'.' if after(1).is_ascii_digit() => number(bytes, start),
        b'0'..=b'9' => number(bytes, start),
        byte if is_word(byte) => (Kind::Word, run(bytes, start, is_word)),

        b'-' if after(1) == b'>' && after(2) == b'>' => (Kind::Symbol, start + 3),
        b'-' if after(1) == b'>' => (Kind::Symbol, start + 2),
        b'<' if matches!(after(1), b'=' | b'>' | b'<') => (Kind::Symbol, start + 2),
        b'>' if matches!(after(1), b'=' | b'>') => (Kind::Symbol, start + 2),
        b'=' | b'!' if after(1) == b'=' => (Kind::Symbol, start + 2),
        b'|' if after(1) == b'|' => (Kind::Symbol, start + 2),
        b'(' | b')' | b',' | b';' | b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'&' | b'|'
        | b'~' | b'<' | b'>' | b'=' => (Kind::Symbol, start + 1),
        _ => (Kind::Illegal, start + 1),
    }
}

/// Returns the end of a parameter's name, which may contain `::` and end with `(text)` as in Tcl.
fn variable(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    loop {
        end = run(bytes, end, is_word);
        match bytes.get(end) {
            Some(b':') if bytes.get(end + 1) == Some(&b':') => end += 2,
            Some(b'(') if end > start => {
                let in_suffix = |byte: u8| byte != b')' && !byte.is_ascii_whitespace();
                let inner = run(bytes, end + 1, in_suffix);
                return if bytes.get(inner) == Some(&b')') {
                    inner + 1
                } else {
                    end
                };
            }
            _ => return end,
        }
    }
}

/// Reports whether a byte can be part of a word.
///
/// A procedural macro usually runs without optimization and calls this for most bytes, so it uses
/// neither iterators nor closures.
fn is_word(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | 0x80..)
}

/// Returns the end of the run of bytes that `accept` accepts.
fn run(bytes: &[u8], start: usize, accept: impl Fn(u8) -> bool) -> usize {
    let mut end = start;
    while end < bytes.len() && accept(bytes[end]) {
        end += 1;
    }
    end
}

/// Returns the position of `needle` at or after `start`.
fn find(bytes: &[u8], start: usize, needle: &[u8]) -> Option<usize> {
    bytes
        .get(start..)?
        .windows(needle.len())
        .position(|window| window == needle)
        .map(|offset| start + offset)
}

/// Reads text up to `quote`; a doubled quote is an escaped one.
fn quoted(bytes: &[u8], start: usize, quote: u8, kind: Kind) -> (Kind, usize) {
    let mut position = start + 1;
    while position < bytes.len() {
        if bytes[position] == quote {
            if bytes.get(position + 1) != Some(&quote) {
                return (kind, position + 1);
            }
            position += 1;
        }
        position += 1;
    }
    (Kind::Illegal, bytes.len())
}

/// Reads an integer or a float.
fn number(bytes: &[u8], start: usize) -> (Kind, usize) {
    let digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    let hex_digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'_';
    if bytes[start] == b'0' && matches!(bytes.get(start + 1), Some(b'x' | b'X')) {
        return (Kind::Integer, run(bytes, start + 2, hex_digit));
    }

    let mut kind = Kind::Integer;
    let mut end = run(bytes, start, digit);
    if bytes.get(end) == Some(&b'.') {
        kind = Kind::Float;
        end = run(bytes, end + 1, digit);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            kind = Kind::Float;
            end = run(bytes, end + 1 + sign, digit);
        }
    }

    // `1abc` is neither a number nor a word.
    let tail = run(bytes, end, is_word);
    if tail > end {
        (Kind::Illegal, tail)
    } else {
        (kind, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        statements(text)
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    #[test]
    fn semicolons_in_strings_comments_and_triggers_do_not_split() {
        assert_eq!(split("a ';' ; -- ;\n b /* ; */ ;;"), ["a ';'", "b"]);
        let trigger = "CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM y; END";
        assert_eq!(
            split(&format!("{trigger}; SELECT 1")),
            [trigger, "SELECT 1"]
        );
    }

    #[test]
    fn spans_never_split_a_character() {
        for text in [
            "é'unfinished",
            "x'zz' 1e 1.5e+3 0xFF \u{1F600} #",
            "[open",
            "\"",
            "$ @ :",
            "\u{FEFF}select",
        ] {
            for token in tokenize(text) {
                assert!(text.get(token.span.clone()).is_some(), "{text}: {token:?}");
            }
        }
    }
}
