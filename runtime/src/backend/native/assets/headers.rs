//! The file `_headers`.
//!
//! <https://developers.cloudflare.com/workers/static-assets/headers/>

use std::collections::HashSet;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::address::Address;
use super::pattern::{Form, Pattern, path_or_url};
use super::redirects::MAX_LINE_LENGTH;
use super::watched::Problem;

const MAX_RULES: usize = 100;

#[derive(Debug, Default)]
pub(super) struct HeaderRules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    path: String,
    pattern: Pattern,
    /// The line of the path.
    line: usize,
    remove: Vec<HeaderName>,
    set: Vec<(HeaderName, String)>,
}

impl HeaderRules {
    pub(super) fn parse(text: &str, problems: &mut Vec<Problem>) -> Self {
        let mut reader = Reader::default();
        for (index, line) in text.split('\n').enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(message) = reader.read(index + 1, line) {
                let line = index + 1;
                problems.push(Problem { line, message });
            }
        }

        let mut rules: Vec<Rule> = Vec::new();
        for rule in reader.rules {
            if rule.set.is_empty() && rule.remove.is_empty() {
                let message = format!("no header follows the path `{}`", rule.path);
                let line = rule.line;
                problems.push(Problem { line, message });
                continue;
            }
            // The last rule of a path replaces the others.
            match rules.iter_mut().find(|known| known.path == rule.path) {
                Some(known) => *known = rule,
                None => rules.push(rule),
            }
        }
        Self(rules)
    }

    /// Applies every rule that matches the request, in their order.
    pub(super) fn apply(&self, address: &Address, headers: &mut HeaderMap) {
        let mut known = HashSet::new();
        for rule in &self.0 {
            let Some(captures) = rule.pattern.matches(address) else {
                continue;
            };

            for name in &rule.remove {
                headers.remove(name);
            }
            for (name, value) in &rule.set {
                let Ok(value) = HeaderValue::from_str(&captures.fill(value)) else {
                    continue;
                };
                if known.insert(name) {
                    headers.insert(name, value);
                } else {
                    headers.append(name, value);
                }
            }
        }
    }
}

#[derive(Default)]
struct Reader {
    rules: Vec<Rule>,
    /// Whether the headers of a path belong to an invalid rule.
    is_skipping: bool,
}

impl Reader {
    /// Reads a line with a path, or with a header of the rule before it.
    fn read(&mut self, number: usize, line: &str) -> Result<(), String> {
        if line.chars().count() > MAX_LINE_LENGTH {
            return Err(format!(
                "the line is longer than {MAX_LINE_LENGTH} characters"
            ));
        }
        if is_path(line) {
            self.is_skipping = true;
            self.rules.push(rule(number, line, self.rules.len())?);
            self.is_skipping = false;
            return Ok(());
        }
        if self.is_skipping {
            return Ok(());
        }

        let Some(rule) = self.rules.last_mut() else {
            return Err("a path such as `/static/*` has to precede the header".to_owned());
        };
        let Some((name, value)) = line.split_once(':') else {
            let Some(name) = line.strip_prefix("! ") else {
                return Err(format!("`{line}` is not a header such as `Name: value`"));
            };
            rule.remove.push(header_name(name)?);
            return Ok(());
        };

        let (name, value) = (header_name(name)?, value.trim());
        if value.is_empty() {
            return Err(format!("the header `{name}` has no value"));
        }
        if HeaderValue::from_str(value).is_err() {
            return Err(format!("the value of the header `{name}` is not valid"));
        }
        match rule.set.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => {
                known.push_str(", ");
                known.push_str(value);
            }
            None => rule.set.push((name, value.to_owned())),
        }
        Ok(())
    }
}

fn rule(line: usize, text: &str, known: usize) -> Result<Rule, String> {
    if known >= MAX_RULES {
        return Err(format!("the file can have at most {MAX_RULES} rules"));
    }
    let path = path_or_url(text, Form::PathOrUrl)?;
    Ok(Rule {
        pattern: Pattern::parse(&path)?,
        path,
        line,
        remove: Vec::new(),
        set: Vec::new(),
    })
}

/// Whether a line is the path of a rule: it starts with `/`, or with a scheme.
fn is_path(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    line.starts_with('/') || word.find("://").is_some_and(|position| position > 0)
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    let name = name.trim();
    name.parse()
        .map_err(|_| format!("`{name}` is not the name of a header"))
}
