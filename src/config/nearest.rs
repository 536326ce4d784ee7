//! Which word was meant.

use strsim::levenshtein;

/// The candidate that `typed` most likely stands for: few letters differ, or it stands in another section.
pub(super) fn nearest<'a>(typed: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let typed_last = last(&typed);
    let typed_last_chars = typed_last.chars().count();
    // One letter in four may be wrong, and one more: beyond that, a guess confuses more than it helps.
    let letters_max = 1 + typed_last_chars / 4;
    let cost = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let candidate_last = last(&candidate);
        // "opens" for "opens_at"; of one or two letters, too much is the beginning.
        let is_cut_off = typed_last_chars > 2 && candidate_last.starts_with(typed_last);
        let elsewhere = if is_cut_off { 1 } else { letters_apart(typed_last, candidate_last, letters_max) + 1 };
        elsewhere.min(letters_apart(&typed, &candidate, letters_max))
    };
    let best = candidates.iter().map(|candidate| (cost(candidate), *candidate)).min_by_key(|(cost, _)| *cost)?;
    (best.0 <= letters_max).then_some(best.1)
}

/// A key without its sections.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// Letters to add, drop or change to make one text of the other, as far as `most` matters: what one has too many is as far.
fn letters_apart(one: &str, other: &str, most: usize) -> usize {
    let too_many = one.chars().count().abs_diff(other.chars().count());
    if too_many > most { too_many } else { levenshtein(one, other) }
}
