//! The patterns of the rules in `_headers` and `_redirects`: `*` and `:placeholder`.
//!
//! <https://developers.cloudflare.com/workers/static-assets/headers/>

use super::address::{Address, rule_path, rule_target};

/// The name of the placeholder that `*` is.
const SPLAT: &str = "splat";

#[derive(Debug)]
pub(super) struct Pattern {
    /// Whether the pattern has a host, and not only a path.
    has_host: bool,
    tokens: Vec<Token>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    /// Matches any text, also an empty one.
    Splat,
    /// Matches a part of a path, up to a slash.
    Segment(String),
    /// Matches a part of a host, up to a slash or a dot.
    Label(String),
}

/// The values of the placeholders, in the order of the pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Captures(Vec<(String, String)>);

impl Pattern {
    /// Reads a pattern that [`path_or_url`] has normalized.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let has_host = text.starts_with("https://");
        let slashes = if has_host { 2 } else { 0 };
        let path = text.match_indices('/').nth(slashes);
        let path = path.map_or(text.len(), |(position, _)| position);

        let mut tokens = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let is_host = text.len() - rest.len() < path;
            let (token, length) = first_token(rest, is_host);
            tokens.push(token);
            rest = &rest[length..];
        }

        check_names(&tokens)?;
        Ok(Self { has_host, tokens })
    }

    /// Whether the pattern matches only one path.
    pub(super) fn is_static(&self) -> bool {
        self.tokens
            .iter()
            .all(|token| matches!(token, Token::Text(_)))
    }

    /// Matches a request. Rules with a host ignore its scheme and its port.
    pub(super) fn matches(&self, address: &Address) -> Option<Captures> {
        let mut captures = Vec::new();
        let is_match = if self.has_host {
            let url = format!("https://{}{}", address.host, address.path);
            capture(&self.tokens, &url, &mut captures)
        } else {
            capture(&self.tokens, &address.path, &mut captures)
        };
        is_match.then_some(Captures(captures))
    }
}

impl Captures {
    /// Replaces the placeholders of a text by their values.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.0 {
            filled = filled.replace(&format!(":{name}"), value);
        }
        filled
    }
}

/// The first token of a text that is not empty, and its length.
fn first_token(text: &str, is_host: bool) -> (Token, usize) {
    if text.starts_with('*') {
        return (Token::Splat, 1);
    }
    let length = text.strip_prefix(':').map_or(0, name_length);
    if length > 0 {
        let name = text[1..=length].to_owned();
        let token = if is_host {
            Token::Label(name)
        } else {
            Token::Segment(name)
        };
        return (token, length + 1);
    }

    // The first character can be a colon without a name.
    let mut characters = text.char_indices().skip(1);
    let end = characters.find(|(_, character)| matches!(character, '*' | ':'));
    let end = end.map_or(text.len(), |(position, _)| position);
    (Token::Text(text[..end].to_owned()), end)
}

/// Matches tokens with a whole text. Placeholders match as much as possible.
fn capture(tokens: &[Token], text: &str, captures: &mut Vec<(String, String)>) -> bool {
    let Some((token, tokens)) = tokens.split_first() else {
        return text.is_empty();
    };
    let (name, stop, minimum): (&str, &[char], usize) = match token {
        Token::Text(literal) => {
            let rest = text.strip_prefix(literal.as_str());
            return rest.is_some_and(|rest| capture(tokens, rest, captures));
        }
        Token::Splat => (SPLAT, &[], 0),
        Token::Segment(name) => (name, &['/'], 1),
        Token::Label(name) => (name, &['/', '.'], 1),
    };

    let end = text.find(stop).unwrap_or(text.len());
    let lengths = (minimum..=end).rev();
    for length in lengths.filter(|length| text.is_char_boundary(*length)) {
        let (value, rest) = text.split_at(length);
        captures.push((name.to_owned(), value.to_owned()));
        if capture(tokens, rest, captures) {
            return true;
        }
        captures.pop();
    }
    false
}

/// The length of the placeholder's name at the start of a text, or 0.
fn name_length(text: &str) -> usize {
    if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return 0;
    }
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.find(|character| !is_name(character))
        .unwrap_or(text.len())
}

/// Rejects patterns that the platform ignores, because it finds a name twice.
fn check_names(tokens: &[Token]) -> Result<(), String> {
    let names = tokens.iter().filter_map(|token| match token {
        Token::Text(_) => None,
        Token::Splat => Some(SPLAT),
        Token::Segment(name) | Token::Label(name) => Some(name.as_str()),
    });
    let names: Vec<&str> = names.collect();
    if tokens
        .iter()
        .filter(|token| **token == Token::Splat)
        .count()
        > 1
    {
        return Err("a pattern can have one `*`; use placeholders such as `:name`".to_owned());
    }

    for (index, name) in names.iter().enumerate() {
        let mut others = names[index + 1..].iter();
        let Some(other) = others.find(|other| other.starts_with(name)) else {
            continue;
        };
        if other == name {
            return Err(format!("the placeholder `:{name}` is there twice"));
        }
        return Err(format!(
            "the placeholder `:{name}` is the start of `:{other}`; rename one of them"
        ));
    }
    Ok(())
}

/// The parts of a URL that a rule can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A path.
    Path,
    /// A path, or a URL with `https` and without a port.
    PathOrUrl,
    /// A path or a URL with `https`, and a query and a hash.
    Target,
}

/// Normalizes the path or the URL of a rule.
pub(super) fn path_or_url(text: &str, form: Form) -> Result<String, String> {
    let url = text
        .strip_prefix("https://")
        .map(|rest| rest.trim_start_matches('/'))
        .filter(|rest| !rest.is_empty());
    if let Some(url) = url {
        let (host, path) = url.split_once('/').unwrap_or((url, ""));
        let path = match form {
            Form::Path => return Err(format!("`{text}` is a URL, and a path is expected")),
            Form::PathOrUrl if has_port(host) => {
                return Err(format!("`{text}` has a port, which a rule cannot match"));
            }
            Form::PathOrUrl => rule_path(without_query(path)),
            Form::Target => rule_target(path),
        };
        return Ok(format!("https://{host}{path}"));
    }

    match form {
        Form::Path => Ok(rule_path(without_query(text))),
        Form::PathOrUrl | Form::Target if !text.starts_with('/') => Err(format!(
            "`{text}` starts neither with `/` nor with `https://`"
        )),
        Form::PathOrUrl => Ok(rule_path(without_query(text))),
        Form::Target => Ok(rule_target(text)),
    }
}

fn without_query(text: &str) -> &str {
    &text[..text.find(['?', '#']).unwrap_or(text.len())]
}

fn has_port(host: &str) -> bool {
    let port = host.rsplit_once(':').map(|(_, port)| port);
    port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}
