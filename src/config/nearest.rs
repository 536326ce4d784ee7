//! Which word was meant.

/// The candidate that `typed` most likely stands for: few letters differ, or it stands in another section.
pub(super) fn nearest<'a>(typed: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let last = |path: &str| path.rsplit('.').next().map(str::to_lowercase).unwrap_or_default();
    let typed_last = last(typed);
    // One letter in four may be wrong, and one more: beyond that, a guess confuses more than it helps.
    let letters_max = 1 + typed_last.chars().count() / 4;
    let cost = |candidate: &str| {
        let candidate_last = last(candidate);
        // "opens" for "opens_at"; of one or two letters, too much is the beginning.
        let is_cut_off = typed_last.chars().count() > 2 && candidate_last.starts_with(&typed_last);
        let elsewhere = if is_cut_off { 1 } else { letters_apart(&typed_last, &candidate_last) + 1 };
        elsewhere.min(letters_apart(&typed.to_lowercase(), &candidate.to_lowercase()))
    };
    let best = candidates.iter().map(|candidate| (cost(candidate), *candidate)).min_by_key(|(cost, _)| *cost)?;
    (best.0 <= letters_max).then_some(best.1)
}

/// Letters to add, drop or change to make one text of the other (Levenshtein's distance).
fn letters_apart(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        let mut left = index + 1;
        for (pair, above) in row.windows(2).zip(&other) {
            let [diagonal, up] = *pair else { continue };
            left = (diagonal + usize::from(letter != *above)).min(up + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
