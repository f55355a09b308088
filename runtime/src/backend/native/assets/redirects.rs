//! The file `_redirects`.
//!
//! <https://developers.cloudflare.com/workers/static-assets/redirects/>

use std::collections::{HashMap, HashSet};

use http::StatusCode;

use super::address::Address;
use super::options::HtmlHandling;
use super::pattern::{Form, Pattern, path_or_url};
use super::watched::Problem;

pub(super) const MAX_LINE_LENGTH: usize = 2000;

const MAX_STATIC_RULES: usize = 2000;
const MAX_DYNAMIC_RULES: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Redirects {
    /// The rules without placeholders before the first other rule, which are tried first.
    fixed: HashMap<String, Rule>,
    /// All other rules in their order.
    dynamic: Vec<(Pattern, Rule)>,
}

#[derive(Debug, Clone)]
struct Rule {
    status: StatusCode,
    target: String,
}

/// The redirect of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Redirect {
    /// 200 if another path is served without a redirect.
    pub(super) status: StatusCode,
    pub(super) target: String,
}

impl Redirects {
    pub(super) fn parse(text: &str, html: HtmlHandling, problems: &mut Vec<Problem>) -> Self {
        let mut reader = Reader {
            redirects: Self::default(),
            html,
            sources: HashSet::new(),
            static_rules: 0,
            dynamic_rules: 0,
        };

        for (index, line) in text.split('\n').enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(message) = reader.read(line) {
                let line = index + 1;
                problems.push(Problem { line, message });
            }
            if reader.dynamic_rules > MAX_DYNAMIC_RULES {
                break;
            }
        }
        reader.redirects
    }

    /// The redirect of the first rule that matches.
    pub(super) fn find(&self, address: &Address) -> Option<Redirect> {
        if let Some(rule) = self.fixed.get(&address.path) {
            return Some(Redirect {
                status: rule.status,
                target: rule.target.clone(),
            });
        }

        self.dynamic.iter().find_map(|(pattern, rule)| {
            let captures = pattern.matches(address)?;
            let filled = captures.fill(&rule.target);
            let target = if is_external(&rule.target) {
                filled
            } else {
                single_slashes(&filled)
            };
            Some(Redirect {
                status: rule.status,
                target,
            })
        })
    }
}

struct Reader {
    redirects: Redirects,
    html: HtmlHandling,
    sources: HashSet<String>,
    static_rules: usize,
    dynamic_rules: usize,
}

impl Reader {
    fn read(&mut self, line: &str) -> Result<(), String> {
        if line.chars().count() > MAX_LINE_LENGTH {
            return Err(format!(
                "the line is longer than {MAX_LINE_LENGTH} characters"
            ));
        }
        let words: Vec<&str> = without_comment(line).split_whitespace().collect();
        let (source, target, status) = match *words.as_slice() {
            [source, target] => (source, target, "302"),
            [source, target, status] => (source, target, status),
            _ => return Err(format!("`{line}` is not `/source /target status`")),
        };

        let source = path_or_url(source, Form::Path)?;
        let pattern = Pattern::parse(&source);
        self.count(pattern.as_ref().is_ok_and(Pattern::is_static))?;
        let pattern = pattern?;
        let rule = Rule {
            target: path_or_url(target, Form::Target)?,
            status: status_code(status)?,
        };

        self.check(&source, &rule)?;
        if pattern.is_static() && self.redirects.dynamic.is_empty() {
            self.redirects.fixed.insert(source, rule);
        } else {
            self.redirects.dynamic.push((pattern, rule));
        }
        Ok(())
    }

    /// Counts a rule. After the first dynamic rule, all others count as dynamic.
    fn count(&mut self, is_static: bool) -> Result<(), String> {
        if is_static && self.dynamic_rules == 0 {
            self.static_rules += 1;
            if self.static_rules > MAX_STATIC_RULES {
                return Err(format!(
                    "the file can have at most {MAX_STATIC_RULES} rules without placeholders"
                ));
            }
            return Ok(());
        }

        self.dynamic_rules += 1;
        if self.dynamic_rules > MAX_DYNAMIC_RULES {
            return Err(format!(
                "the file can have at most {MAX_DYNAMIC_RULES} rules after the first one with a \
                 placeholder; all others are ignored too"
            ));
        }
        Ok(())
    }

    fn check(&mut self, source: &str, rule: &Rule) -> Result<(), String> {
        let target = &rule.target;
        let is_relative = !target.starts_with("https://");
        let is_index = target.ends_with("/index") || target.ends_with("/index.html");
        let is_loop =
            source.ends_with("/*") || (source.ends_with('/') && self.html != HtmlHandling::None);
        if is_relative && is_index && is_loop {
            return Err(format!(
                "the rule redirects without end: `html_handling` redirects `{target}` again"
            ));
        }

        if !self.sources.insert(source.to_owned()) {
            return Err(format!("`{source}` has a rule before this one"));
        }
        if rule.status == StatusCode::OK && !is_relative {
            return Err(format!(
                "the status 200 serves an asset, and `{target}` is not a path"
            ));
        }
        Ok(())
    }
}

fn status_code(text: &str) -> Result<StatusCode, String> {
    match text {
        "200" => Ok(StatusCode::OK),
        "301" => Ok(StatusCode::MOVED_PERMANENTLY),
        "302" => Ok(StatusCode::FOUND),
        "303" => Ok(StatusCode::SEE_OTHER),
        "307" => Ok(StatusCode::TEMPORARY_REDIRECT),
        "308" => Ok(StatusCode::PERMANENT_REDIRECT),
        _ => Err(format!(
            "the status is `{text}`, not 200, 301, 302, 303, 307 or 308"
        )),
    }
}

/// The line without a comment at its end. The hash of a URL is not a comment.
fn without_comment(line: &str) -> &str {
    let comment = line
        .match_indices('#')
        .find(|(position, _)| line[..*position].ends_with(char::is_whitespace));
    comment.map_or(line, |(position, _)| &line[..position])
}

/// Whether a target has a host.
fn is_external(target: &str) -> bool {
    let host = target
        .strip_prefix("https://")
        .or_else(|| target.strip_prefix("//"));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with(['/', '\\', '?', '#']))
}

/// Removes duplicate slashes from a path, so that a placeholder cannot add a host.
fn single_slashes(target: &str) -> String {
    let end = target.find(['?', '#']).unwrap_or(target.len());
    let (path, suffix) = target.split_at(end);
    let mut single = String::with_capacity(target.len());
    for character in path.chars() {
        let character = if character == '\\' { '/' } else { character };
        if character != '/' || !single.ends_with('/') {
            single.push(character);
        }
    }
    single.push_str(suffix);
    single
}
