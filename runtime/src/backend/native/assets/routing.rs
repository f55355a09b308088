//! `run_worker_first`: which requests the worker handles before the assets.
//!
//! <https://developers.cloudflare.com/workers/static-assets/routing/worker-script/>

use std::collections::HashSet;

use super::super::bindings::Opened;

const MAX_RULES: usize = 100;
const MAX_RULE_LENGTH: usize = 100;

#[derive(Debug)]
pub(super) enum Routing {
    AssetsFirst,
    WorkerFirst,
    /// Rules with `*`, where an exclusion wins over the others.
    Rules {
        worker: Vec<String>,
        assets: Vec<String>,
    },
}

impl Routing {
    /// Reads the JSON text of the setting.
    pub(super) fn parse(json: &str) -> Opened<Self> {
        match json {
            "false" => return Ok(Self::AssetsFirst),
            "true" => return Ok(Self::WorkerFirst),
            _ => {}
        }
        let rules: Vec<String> = serde_json::from_str(json).map_err(|_| {
            format!("`run_worker_first` is `{json}`, not a boolean or a list of routes")
        })?;

        match check(&rules) {
            None => {}
            Some(problem) => return Err(format!("`run_worker_first` {problem}").into()),
        }
        let (assets, worker): (Vec<_>, Vec<_>) =
            rules.into_iter().partition(|rule| rule.starts_with('!'));
        let assets = assets.iter().map(|rule| rule[1..].to_owned()).collect();
        Ok(Self::Rules { worker, assets })
    }

    pub(super) fn is_worker_first(&self, path: &str) -> bool {
        match self {
            Self::AssetsFirst => false,
            Self::WorkerFirst => true,
            Self::Rules { worker, assets } => !is_match(assets, path) && is_match(worker, path),
        }
    }

    /// Whether an exclusion assigns a path to the assets. The worker never responds to it.
    pub(super) fn is_excluded(&self, path: &str) -> bool {
        match self {
            Self::AssetsFirst | Self::WorkerFirst => false,
            Self::Rules { assets, .. } => is_match(assets, path),
        }
    }

    /// Whether rules decide which paths the worker handles, so that `not_found_handling` applies to
    /// all others.
    pub(super) fn has_rules(&self) -> bool {
        matches!(self, Self::Rules { .. })
    }
}

/// Returns the first problem of a list of rules.
fn check(rules: &[String]) -> Option<String> {
    if rules.len() > MAX_RULES {
        return Some(format!(
            "has {} routes, and at most {MAX_RULES} are possible",
            rules.len()
        ));
    }
    if !rules.iter().any(|rule| rule.starts_with('/')) {
        return Some("has no route that starts with `/`".to_owned());
    }

    let mut known = HashSet::new();
    for rule in rules {
        let prefix = rule.strip_suffix('*');
        let redundant = prefix.and_then(|prefix| {
            rules
                .iter()
                .find(|other| *other != rule && other.starts_with(prefix))
        });
        if !rule.starts_with('/') && !rule.starts_with("!/") {
            return Some(format!(
                "has the route `{rule}`, which does not start with `/` or `!/`"
            ));
        }
        if rule.chars().count() > MAX_RULE_LENGTH {
            return Some(format!(
                "has the route `{rule}`, which is longer than {MAX_RULE_LENGTH} characters"
            ));
        }
        if !known.insert(rule) {
            return Some(format!("has the route `{rule}` twice"));
        }
        if let Some(redundant) = redundant {
            return Some(format!(
                "has the route `{redundant}`, which `{rule}` makes redundant"
            ));
        }
    }
    None
}

fn is_match(rules: &[String], path: &str) -> bool {
    rules.iter().any(|rule| matches_glob(rule, path))
}

/// Whether `rule` matches the whole path. Each `*` stands for any text.
fn matches_glob(rule: &str, path: &str) -> bool {
    let mut parts = rule.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };

    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}
