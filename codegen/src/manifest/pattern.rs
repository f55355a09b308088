//! `migrations_pattern`: `*`, `**` and `?`, as wrangler's matcher has them.

/// Whether a path below the folder matches a pattern below it.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    segments(&pattern, &path)
}

fn segments(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            segments(rest, path)
                || path
                    .split_first()
                    .is_some_and(|(_, path)| segments(pattern, path))
        }
        (Some((first, rest)), Some((name, path))) => {
            segment(
                &first.chars().collect::<Vec<_>>(),
                &name.chars().collect::<Vec<_>>(),
            ) && segments(rest, path)
        }
        _ => false,
    }
}

fn segment(pattern: &[char], name: &[char]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) => {
            segment(rest, name)
                || name
                    .split_first()
                    .is_some_and(|(_, name)| segment(pattern, name))
        }
        (Some((first, rest)), Some((character, name))) => {
            (*first == '?' || first == character) && segment(rest, name)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stays_in_its_folder_and_two_do_not() {
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
