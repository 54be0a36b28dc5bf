//! What fits on a screen: rows that are no wider, and no more of them.

/// A screen of 80 columns and 24 rows, and the last row is the prompt's.
pub(super) const WIDTH: usize = 80;
pub(super) const ROWS: usize = 23;

/// A text in rows, broken between words; the first begins after `first` columns that something else takes, the others
/// after as many spaces.
pub(super) fn wrapped(text: &str, first: usize) -> Vec<String> {
    let room = WIDTH.saturating_sub(first);
    let mut rows: Vec<String> = Vec::new();
    let mut width = 0;
    for word in text.split(' ') {
        // A word that is wider than a row is broken where the row ends.
        let mut letters: Vec<char> = word.chars().collect();
        if !rows.is_empty() && width + 1 + letters.len() > room {
            width = 0;
        }
        while !letters.is_empty() || rows.is_empty() {
            let part: String = letters.drain(..letters.len().min(room)).collect();
            let length = part.chars().count();
            if let Some(row) = rows.last_mut().filter(|_| width > 0) {
                row.push(' ');
                row.push_str(&part);
                width += 1 + length;
            } else {
                rows.push(if rows.is_empty() { part } else { " ".repeat(first) + &part });
                width = length;
            }
            if !letters.is_empty() {
                width = 0;
            }
        }
    }
    rows
}

/// A text in one row that begins after so many columns; what is cut away is shown as such.
pub(super) fn cut(text: &str, first: usize) -> String {
    let room = WIDTH.saturating_sub(first);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    kept.trim_end().to_owned() + "\u{2026}"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_broken_between_words_and_hang() {
        let text = "word ".repeat(20);
        let rows = wrapped(text.trim(), 6);
        assert_eq!(rows.iter().map(|row| row.chars().count()).collect::<Vec<_>>(), [74, 6 + 24]);
        assert!(rows.last().unwrap().starts_with("      word "), "{rows:?}");
        assert_eq!(wrapped("", 6), [""]);
    }

    #[test]
    fn a_word_that_is_wider_than_a_row_is_broken() {
        let rows = wrapped(&format!("see {} now", "x".repeat(100)), 10);
        assert_eq!(
            rows,
            ["see".to_owned(), " ".repeat(10) + &"x".repeat(70), " ".repeat(10) + &"x".repeat(30) + " now"]
        );
        assert!(rows.iter().all(|row| row.chars().count() <= WIDTH));
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(cut("short", 10), "short");
        let cut = cut(&"y".repeat(100), 10);
        assert!(cut.ends_with("y\u{2026}") && cut.chars().count() == 70, "{cut}");
    }
}
