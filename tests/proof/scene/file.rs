//! Lines of a file that somebody is still writing.

use std::path::Path;

/// The whole lines of a file; none if it is not there yet.
pub(super) fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    whole.lines().map(str::to_owned).collect()
}
