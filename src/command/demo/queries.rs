//! Three questions to the archive, to copy, with their answers.

use std::io::Write;
use std::path::Path;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::failure::Failure;
use crate::archive::reading::{ReadError, Reading};
use crate::peer_text::one_line;

/// A value is shown up to this many bytes.
const VALUE_MAX: usize = 60;

/// Prints the questions as the shell takes them, each with the answer that SQLite gave.
pub(super) fn print(archive: &Reading, out: &mut dyn Write) -> Result<(), Failure> {
    for (what, question) in questions(archive)? {
        writeln!(out, "\n# {what}\nsqlite3 -readonly -header {} \"{question}\"", shell(archive.path()))?;
        answer(archive, &question, out)?;
    }
    Ok(())
}

fn answer(archive: &Reading, question: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let answer = archive.all(question, [], |row| Ok((names(row), values(row)?)))?;
    if let Some((names, _)) = answer.first() {
        writeln!(out, "{names}")?;
    }
    answer.iter().try_for_each(|(_, values)| writeln!(out, "{values}"))?;
    Ok(())
}

fn questions(archive: &Reading) -> Result<Vec<(&'static str, String)>, ReadError> {
    const BUSIEST: &str = "SELECT stream FROM streams ORDER BY interactions DESC, stream LIMIT 1";
    // The whole seconds within the longest stretch that is proven complete.
    const LONGEST: &str = "
        SELECT strftime('%Y-%m-%dT%H:%M:%S.000000Z', from_us / 1000000 + 1, 'unixepoch'),
               strftime('%Y-%m-%dT%H:%M:%S.000000Z', until_us / 1000000, 'unixepoch')
          FROM coverage WHERE stream = ?1 ORDER BY until_us - from_us DESC LIMIT 1";
    let busiest: Option<String> = archive.first(BUSIEST, [], |row| row.get(0))?;
    let mut questions = vec![(
        "Which gaps are there, by cause?",
        "SELECT cause, count(DISTINCT stream) AS streams, count(*) AS gaps, round(sum(seconds), 1) AS seconds, \
         count(*) - count(ended_us) AS growing \
         FROM gaps GROUP BY cause ORDER BY streams DESC, cause"
            .to_owned(),
    )];
    let Some(stream) = busiest else { return Ok(questions) };
    let newest = format!(
        "SELECT received_at, type, author, substr(content, 1, 40) AS begins FROM interactions WHERE stream = '{stream}' \
         ORDER BY received_us DESC LIMIT 3"
    );
    questions.insert(0, ("What came last for a stream?", newest));
    let span: Option<(String, String)> = archive.first(LONGEST, [&stream], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if let Some((from, until)) = span {
        let complete = format!(
            "SELECT count(*) > 0 AS complete FROM coverage WHERE stream = '{stream}' AND from_at <= '{from}' \
             AND until_at >= '{until}'"
        );
        questions.push(("Is this stream proven complete between these moments? (1: it is)", complete));
    }
    Ok(questions)
}

fn names(row: &Row<'_>) -> String {
    row.as_ref().column_names().collect::<Vec<_>>().join("|")
}

/// A row as the program sqlite3 prints it; harmless on a terminal.
fn values(row: &Row<'_>) -> rusqlite::Result<String> {
    let columns = row.as_ref().column_count();
    let values: rusqlite::Result<Vec<_>> = (0..columns).map(|place| row.get_ref(place).map(value)).collect();
    Ok(values?.join("|"))
}

fn value(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(bytes) => one_line(&String::from_utf8_lossy(bytes), VALUE_MAX),
        ValueRef::Blob(bytes) => format!("({} bytes)", bytes.len()),
    }
}

/// A path as a word of a shell's.
pub(super) fn shell(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+:".contains(character);
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        assert_eq!(shell(Path::new("/tmp/siftd-demo/a.db")), "/tmp/siftd-demo/a.db");
        assert_eq!(shell(Path::new("/tmp/it's here")), r"'/tmp/it'\''s here'");
    }
}
