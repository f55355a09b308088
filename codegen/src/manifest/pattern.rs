//! Matches `migrations_pattern` with `*`, `**` and `?`, as wrangler does.

/// Reports whether a path matches a pattern; both are relative to the migrations folder.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    segments_match(&pattern, &path)
}

fn segments_match(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            segments_match(rest, path)
                || path
                    .split_first()
                    .is_some_and(|(_, path)| segments_match(pattern, path))
        }
        (Some((first, rest)), Some((name, path))) => {
            let first: Vec<char> = first.chars().collect();
            let name: Vec<char> = name.chars().collect();
            segment_matches(&first, &name) && segments_match(rest, path)
        }
        _ => false,
    }
}

fn segment_matches(pattern: &[char], name: &[char]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) => {
            segment_matches(rest, name)
                || name
                    .split_first()
                    .is_some_and(|(_, name)| segment_matches(pattern, name))
        }
        (Some((first, rest)), Some((character, name))) => {
            (*first == '?' || first == character) && segment_matches(rest, name)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn only_two_stars_match_across_folders() {
        for (pattern, path, expected) in [
            ("*.sql", "0001_a.sql", true),
            ("*.sql", "later/0001_a.sql", false),
            ("*/migration.sql", "2026_a/migration.sql", true),
            ("*/migration.sql", "migration.sql", false),
            ("**/*.sql", "a.sql", true),
            ("**/*.sql", "a/b/c.sql", true),
            ("000?_*.sql", "0001_a.sql", true),
            ("000?_*.sql", "0012_a.sql", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
