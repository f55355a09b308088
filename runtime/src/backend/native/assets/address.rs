//! The URL of a request, normalized and encoded the same as on the platform.
//!
//! <https://url.spec.whatwg.org/>

use std::fmt::Write;

use http::uri::Authority;

use crate::http::Request;

/// The URL of a request.
#[derive(Debug, Clone)]
pub(super) struct Address {
    scheme: String,
    /// The host name in lower case, without the port.
    pub(super) host: String,
    /// The port, unless it is the default of the scheme.
    port: Option<u16>,
    /// The path, encoded and without dot segments.
    pub(super) path: String,
    /// The query with its `?`, or an empty text.
    pub(super) query: String,
}

impl Address {
    pub(super) fn of(request: &Request) -> Self {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("http").to_ascii_lowercase();
        let port = uri
            .port_u16()
            .filter(|port| Some(*port) != default_port(&scheme));
        Self {
            host: uri.host().unwrap_or("localhost").to_ascii_lowercase(),
            port,
            scheme,
            path: path_of(uri.path()),
            query: query_of(uri.query()),
        }
    }

    /// Resolves the target of a redirect: a path, or a URL with a host.
    ///
    /// Returns `None` if the host is not valid.
    pub(super) fn join(&self, target: &str) -> Option<Target> {
        let (target, hash) = split_before(target, '#');
        let (target, query) = split_before(target, '?');
        let query = query_of(query.strip_prefix('?'));
        let hash = match hash {
            "#" => String::new(),
            hash => encode(hash, |byte| b" \"<>`".contains(&byte)),
        };

        let with_scheme = target
            .split_once("://")
            .filter(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let (scheme, rest) = match with_scheme {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), Some(rest)),
            // `//example.com` keeps the scheme.
            None => {
                let has_host = target.starts_with("//") || target.starts_with("/\\");
                (self.scheme.clone(), has_host.then_some(target))
            }
        };
        let Some(rest) = rest else {
            let path = path_of(target);
            return Some(Target {
                origin: None,
                path,
                query,
                hash,
            });
        };

        let rest = rest.trim_start_matches(['/', '\\']);
        let end = rest.find(['/', '\\']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let authority: Authority = host.to_ascii_lowercase().parse().ok()?;
        let port = port_of(&authority)?;
        let port = port.filter(|port| Some(*port) != default_port(&scheme));

        let is_same = scheme == self.scheme && authority.host() == self.host && port == self.port;
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("{scheme}://{}{port}", authority.host());
        Some(Target {
            origin: (!is_same).then_some(origin),
            path: path_of(path),
            query,
            hash,
        })
    }
}

/// The target of a redirect.
pub(super) struct Target {
    /// The scheme and the host, unless they are those of the request.
    origin: Option<String>,
    pub(super) path: String,
    query: String,
    hash: String,
}

impl Target {
    /// The value of the header `Location`. The query of the request is kept, unless the target has
    /// one of its own.
    pub(super) fn location(&self, address: &Address) -> String {
        let query = if self.query.is_empty() {
            &address.query
        } else {
            &self.query
        };
        let origin = self.origin.as_deref().unwrap_or_default();
        format!("{origin}{}{query}{}", self.path, self.hash)
    }
}

/// Normalizes the path of a request, which may have a query.
pub(super) fn path_of(path: &str) -> String {
    let (path, _) = split_before(path, '?');
    normalize(path, &['/', '\\'])
}

/// Normalizes the path of a rule in `_headers` or `_redirects`, in which `\` is no separator.
pub(super) fn rule_path(path: &str) -> String {
    normalize(path, &['/'])
}

/// Normalizes the target of a rule, with its query and its hash.
pub(super) fn rule_target(target: &str) -> String {
    let (target, hash) = split_before(target, '#');
    let (path, query) = split_before(target, '?');
    let query = encode(query, |byte| b" \"#<>".contains(&byte));
    let hash = encode(hash, |byte| b" \"<>`".contains(&byte));
    format!("{}{query}{hash}", rule_path(path))
}

/// Decodes the segments of a path, and removes duplicate slashes. A segment that is not valid stays
/// as it is.
pub(super) fn decode_path(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| decode(segment).unwrap_or_else(|| segment.to_owned()));
    let decoded = segments.collect::<Vec<_>>().join("/");

    let mut result = String::with_capacity(decoded.len());
    for character in decoded.chars() {
        if character != '/' || !result.ends_with('/') {
            result.push(character);
        }
    }
    result
}

/// Encodes a path so that it has only one spelling.
pub(super) fn encode_path(path: &str) -> String {
    let is_reserved = |byte: u8| !byte.is_ascii_alphanumeric() && !b"/-_.!~*'()".contains(&byte);
    encode(path, is_reserved)
}

/// Removes dot segments, and encodes the characters that the path of a URL cannot have.
fn normalize(path: &str, separators: &[char]) -> String {
    let path = path.strip_prefix(separators).unwrap_or(path);
    let mut segments: Vec<String> = Vec::new();
    let mut parts = path.split(separators).peekable();

    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let dots = part.to_ascii_lowercase().replace("%2e", ".");
        match dots.as_str() {
            ".." => drop(segments.pop()),
            "." => {}
            _ => {
                segments.push(encode(part, |byte| b" \"#<>?^`{}".contains(&byte)));
                continue;
            }
        }
        if is_last {
            segments.push(String::new());
        }
    }
    format!("/{}", segments.join("/"))
}

fn query_of(query: Option<&str>) -> String {
    match query {
        None | Some("") => String::new(),
        Some(query) => format!("?{}", encode(query, |byte| b" \"#<>'".contains(&byte))),
    }
}

/// Encodes control characters, characters that are not ASCII, and those that `is_reserved` selects.
fn encode(text: &str, is_reserved: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() && !byte.is_ascii_control() && !is_reserved(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Decodes a segment, or returns `None` if an escape is malformed or the result is not UTF-8.
fn decode(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// Splits a text before a character. The second part is empty if the text does not have it.
fn split_before(text: &str, character: char) -> (&str, &str) {
    text.split_at(text.find(character).unwrap_or(text.len()))
}

/// The port of a URL with a host, or `None` if one of them is not valid.
fn port_of(authority: &Authority) -> Option<Option<u16>> {
    let host = authority.host();
    let (_, after) = authority.as_str().split_once(host)?;
    match after.strip_prefix(':') {
        _ if host.is_empty() => None,
        None | Some("") => Some(None),
        Some(port) => port.parse().ok().map(Some),
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}
