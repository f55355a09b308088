//! Suggestions for misspelled names.

/// Characters of the longest word for which a nearest name is sought.
const LONGEST_NAME: usize = 100;

/// The candidate that `word` is most likely a slip of, if one is near.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let length = lower.chars().count();

    // No slip of a name is this long, and comparing takes the product of the lengths.
    if length > LONGEST_NAME {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| {
            candidate.len() <= 4 * LONGEST_NAME
                && candidate.chars().count().abs_diff(length) <= length / 2 + 1
        })
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            *distance <= (candidate.chars().count().max(word.chars().count()) / 3).max(1)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words: insert, delete, replace, or swap of neighbours.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i; right.len() + 1];
        for j in 1..=right.len() {
            let same = usize::from(left[i - 1] != right[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + same);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

/// Names that a help lists.
const MOST_NAMES: usize = 16;

/// `did you mean x?`, or the names there are.
#[must_use]
pub fn suggestion(word: &str, what: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if candidates.is_empty() => format!("there are no {what}"),
        None => {
            let names: Vec<String> = candidates
                .iter()
                .take(MOST_NAMES)
                .map(|candidate| format!("`{candidate}`"))
                .collect();
            let more = candidates.len().saturating_sub(MOST_NAMES);
            let more = if more == 0 {
                String::new()
            } else {
                format!(", and {more} more")
            };
            format!("the {what}: {}{more}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn nearest_finds_slips_and_nothing_else() {
        let names = ["filename", "file_key", "size_bytes"];
        assert_eq!(super::nearest("filenmae", names), Some("filename"));
        assert_eq!(super::nearest("Size_Byte", names), Some("size_bytes"));
        assert_eq!(super::nearest("owner", names), None);
    }
}
