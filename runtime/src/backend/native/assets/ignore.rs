//! The file `.assetsignore`, in the syntax of `.gitignore`.
//!
//! As on the platform, case does not matter, and `!` and `^` at the start of a class such as `[!a]`
//! are characters of the class.
//!
//! <https://developers.cloudflare.com/workers/static-assets/binding/>

/// The files that are never served, unless `.assetsignore` includes them again.
const DEFAULT: &str = "/.assetsignore\n/_redirects\n/_headers\n";

#[derive(Debug)]
pub(super) struct Ignore(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    parts: Vec<Part>,
    /// Whether the rule includes files again that an earlier rule ignores.
    is_negated: bool,
    only_folders: bool,
}

#[derive(Debug)]
enum Part {
    Character(char),
    /// `?`
    Any,
    /// `*`
    Name,
    /// `[a-z]`
    Class(Vec<(char, char)>),
    /// `**/`: any number of folders.
    Folders,
    /// `**` at the end: everything inside of a folder.
    Everything,
}

impl Ignore {
    pub(super) fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = DEFAULT.lines().chain(text.split('\n'));
        Self(lines.filter_map(rule).collect())
    }

    /// Whether a file or one of its folders is ignored. The path has no slash at its start.
    pub(super) fn is_ignored(&self, path: &str) -> bool {
        let path: Vec<char> = path.chars().flat_map(char::to_lowercase).collect();
        let slashes = path.iter().enumerate().filter(|(_, found)| **found == '/');
        for (position, _) in slashes {
            if self.is_match(&path[..position], true) {
                return true;
            }
        }
        self.is_match(&path, false)
    }

    /// Whether the last rule that matches a file or a folder ignores it.
    fn is_match(&self, path: &[char], is_folder: bool) -> bool {
        let rule = self
            .0
            .iter()
            .rev()
            .find(|rule| (is_folder || !rule.only_folders) && is_match(&rule.parts, path));
        rule.is_some_and(|rule| !rule.is_negated)
    }
}

/// Reads a line, or returns `None` if it is empty or a comment.
fn rule(line: &str) -> Option<Rule> {
    let line = without_trailing_spaces(line);
    if line.starts_with('#') {
        return None;
    }
    let (is_negated, line) = match line.strip_prefix('!') {
        Some(line) => (true, line),
        None => (false, line),
    };
    let (only_folders, line) = match line.strip_suffix('/') {
        Some(line) => (true, line),
        None => (false, line),
    };
    if line.is_empty() {
        return None;
    }

    let is_anchored = line.contains('/');
    let line = line.strip_prefix('/').unwrap_or(line);
    let mut parts = Vec::new();
    if !is_anchored {
        parts.push(Part::Folders);
    }
    parse_parts(&line.to_lowercase(), &mut parts);
    Some(Rule {
        parts,
        is_negated,
        only_folders,
    })
}

/// Removes the spaces at the end of a line, except an escaped one.
fn without_trailing_spaces(line: &str) -> &str {
    let trimmed = line.trim_end();
    let is_escaped = trimmed.ends_with('\\') && trimmed.len() < line.len();
    if is_escaped {
        &line[..=trimmed.len()]
    } else {
        trimmed
    }
}

fn parse_parts(pattern: &str, parts: &mut Vec<Part>) {
    let mut rest = pattern;
    let mut is_start = true;
    while let Some(character) = rest.chars().next() {
        let was_start = std::mem::replace(&mut is_start, character == '/');
        if was_start && let Some(after) = rest.strip_prefix("**/") {
            parts.push(Part::Folders);
            (rest, is_start) = (after, true);
            continue;
        }
        if was_start && rest == "**" {
            parts.push(Part::Everything);
            return;
        }

        let after = &rest[character.len_utf8()..];
        let (part, after) = match character {
            '*' => (Part::Name, after.trim_start_matches('*')),
            '?' => (Part::Any, after),
            '[' => class(after).unwrap_or((Part::Character('['), after)),
            '\\' => match after.chars().next() {
                Some(escaped) => (Part::Character(escaped), &after[escaped.len_utf8()..]),
                None => (Part::Character('\\'), after),
            },
            character => (Part::Character(character), after),
        };
        parts.push(part);
        rest = after;
    }
}

/// Reads the class after `[`, or returns `None` if it does not end.
fn class(text: &str) -> Option<(Part, &str)> {
    let end = text.char_indices().skip(1).find(|(_, found)| *found == ']');
    let (inside, after) = text.split_at(end?.0);

    let characters: Vec<char> = inside.chars().filter(|found| *found != '\\').collect();
    let mut ranges = Vec::new();
    let mut rest = characters.as_slice();
    while let [first, others @ ..] = rest {
        match others {
            ['-', last, others @ ..] => {
                ranges.push((*first, *last));
                rest = others;
            }
            _ => {
                ranges.push((*first, *first));
                rest = others;
            }
        }
    }
    Some((Part::Class(ranges), &after[1..]))
}

fn is_match(parts: &[Part], path: &[char]) -> bool {
    let Some((part, parts)) = parts.split_first() else {
        return path.is_empty();
    };

    match part {
        Part::Everything => !path.is_empty(),
        Part::Folders => {
            let starts = path.iter().enumerate().filter(|(_, found)| **found == '/');
            let mut starts = std::iter::once(0).chain(starts.map(|(position, _)| position + 1));
            starts.any(|start| is_match(parts, &path[start..]))
        }
        Part::Name => {
            let end = path.iter().position(|found| *found == '/');
            let end = end.unwrap_or(path.len());
            (0..=end).any(|length| is_match(parts, &path[length..]))
        }
        Part::Character(_) | Part::Any | Part::Class(_) => match path {
            [first, path @ ..] => is_one(part, *first) && is_match(parts, path),
            [] => false,
        },
    }
}

/// Whether a part that stands for one character matches it.
fn is_one(part: &Part, character: char) -> bool {
    match part {
        Part::Character(expected) => *expected == character,
        Part::Any => character != '/',
        Part::Class(ranges) => {
            let mut ranges = ranges.iter();
            let is_inside = ranges.any(|(first, last)| (*first..=*last).contains(&character));
            character != '/' && is_inside
        }
        Part::Name | Part::Folders | Part::Everything => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Ignore;

    #[test]
    fn rules_are_those_of_gitignore() {
        for (rules, path, is_ignored) in [
            ("*.map", "a/b.map", true),
            ("a/*.map", "a/b/c.map", false),
            ("/a", "b/a", false),
            ("a/", "a", false),
            ("a/", "b/a/c", true),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**", "a", false),
            ("**/a", "x/a", true),
            ("a\n!a", "a", false),
            ("a/\n!a/b", "a/b", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", true),
            ("[^a-c]x", "dx", false),
            ("[ab", "[ab", true),
            ("a?c", "a/c", false),
            ("\\!a", "!a", true),
            ("a\\ ", "a ", true),
            ("a \r", "a", true),
            ("# a", "# a", false),
            ("!_headers", "_headers", false),
            ("", "_headers", true),
            ("", "sub/_headers", false),
            ("NODE_modules", "node_MODULES/x", true),
        ] {
            let actual = Ignore::parse(rules).is_ignored(path);
            assert_eq!(actual, is_ignored, "{rules:?} and {path:?}");
        }
    }
}
