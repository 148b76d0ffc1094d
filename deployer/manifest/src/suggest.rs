//! What was probably meant.

/// How alike two names must be for one to be suggested in place of the other, from 0 to 1.
const ALIKE: f64 = 0.65;

/// The candidate most like `name`, if any is.
pub(crate) fn closest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(&name, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// A line of help for a name that is not among `candidates`: the closest one, else all of them.
pub(crate) fn help_for(name: &str, candidates: &[&str], what: &str) -> Option<String> {
    if let Some(closest) = closest(name, candidates.iter().copied()) {
        return Some(format!("did you mean `{closest}`?"));
    }
    (!candidates.is_empty()).then(|| format!("{what}: {}", quoted(candidates)))
}

/// `` `a`, `b`, `c` ``
pub(crate) fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// `name`, or something else to suggest when nothing is left of it.
pub(crate) fn fallback<'a>(name: &'a str, otherwise: &'a str) -> &'a str {
    if name.is_empty() { otherwise } else { name }
}
