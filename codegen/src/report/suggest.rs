//! Suggestions for misspelled names.

/// The longest word, in characters, that is compared with names. The time of a comparison
/// grows with the product of the lengths, and no misspelled name is longer.
const MAX_LENGTH: usize = 100;

/// The maximum number of names that a help lists.
const MAX_NAMES: usize = 16;

/// The candidate that `word` most likely misspells, if one is close.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    if length > MAX_LENGTH {
        return None;
    }

    let mut nearest: Option<(usize, &str)> = None;
    for candidate in candidates {
        let candidate_length = candidate.chars().count();
        let is_comparable = candidate.len() <= 4 * MAX_LENGTH
            && candidate_length.abs_diff(length) <= length / 2 + 1;
        if !is_comparable {
            continue;
        }

        let distance = distance(&word, &candidate.to_lowercase());
        let is_close = distance <= (candidate_length.max(length) / 3).max(1);
        if is_close && nearest.is_none_or(|(best, _)| distance < best) {
            nearest = Some((distance, candidate));
        }
    }
    nearest.map(|(_, candidate)| candidate)
}

/// The edits between two words: insertions, deletions, replacements, and swaps of neighbors.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();

    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i; right.len() + 1];
        for j in 1..=right.len() {
            let replaced = usize::from(left[i - 1] != right[j - 1]);
            row[j] = (last[j] + 1)
                .min(row[j - 1] + 1)
                .min(last[j - 1] + replaced);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

/// `did you mean x?`, or a list of the names.
#[must_use]
pub fn suggestion(word: &str, plural: &str, candidates: &[&str]) -> String {
    if let Some(candidate) = nearest(word, candidates.iter().copied()) {
        return format!("did you mean `{candidate}`?");
    }
    if candidates.is_empty() {
        return format!("there are no {plural}");
    }

    let listed = candidates
        .iter()
        .take(MAX_NAMES)
        .map(|candidate| format!("`{candidate}`"));
    let listed = listed.collect::<Vec<_>>().join(", ");
    match candidates.len().saturating_sub(MAX_NAMES) {
        0 => format!("the {plural}: {listed}"),
        more => format!("the {plural}: {listed}, and {more} more"),
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
