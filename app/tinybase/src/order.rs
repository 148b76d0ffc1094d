//! The order in which JavaScript lists an object's properties: array indices ascending, then the
//! rest as they were added. Content is written so, to be the same text as TinyBase's.

pub(crate) fn as_in_javascript<T>(
    members: impl Iterator<Item = T>,
    key: impl Fn(&T) -> &str,
) -> impl Iterator<Item = T> {
    let (mut indices, rest): (Vec<_>, Vec<_>) = members
        .map(|member| (array_index(key(&member)), member))
        .partition(|(index, _)| index.is_some());
    indices.sort_by_key(|(index, _)| *index);
    indices.into_iter().chain(rest).map(|(_, member)| member)
}

/// The number of a key that is spelt as an array index: up to 2³² − 2, without leading zeros.
fn array_index(key: &str) -> Option<u32> {
    if !matches!(key.as_bytes(), [b'0'] | [b'1'..=b'9', ..]) || key.len() > 10 {
        return None;
    }
    key.parse().ok().filter(|index| *index != u32::MAX)
}
