//! SQL is made of constants: what comes from a server, a file or a user goes in as a parameter.

use std::fs;
use std::path::{Path, PathBuf};

/// The calls of rusqlite that take SQL.
const CALLS: &[&str] =
    &["prepare(", "prepare_cached(", "execute(", "execute_batch(", "query_row(", "query_one(", "prepare_with_flags("];

/// Files that put SQL together out of constants of their own, and why that is safe.
const ALLOWED: &[(&str, &str)] = &[
    ("src/archive/check.rs", "names of tables and indexes, from two constant lists"),
    ("src/notice/runbook.rs", "shown to be copied, with names of the table of notices"),
    (
        "src/command/demo/queries.rs",
        "shown to be copied, and asked of the demo's own archive, whose streams are hashes",
    ),
];

/// The words that make a query.
const VERBS: &[&str] =
    &["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "DROP ", "ALTER ", "PRAGMA ", "ATTACH "];

/// The lines of a file on which SQL is put together from parts.
fn composed(text: &str) -> Vec<usize> {
    let code = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("format!(").chain(code.match_indices("write!(")) {
        let line = code.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let before = code.get(..at).unwrap_or_default().trim_end_matches(|c: char| c.is_whitespace() || c == '&');
        let literal = code.get(at..).and_then(|rest| rest.split_once('"')).map_or("", |(_, text)| text);
        let text = literal.trim_start_matches(|c: char| c.is_whitespace() || c == '\\');
        if CALLS.iter().any(|call| before.ends_with(call)) || VERBS.iter().any(|verb| text.starts_with(verb)) {
            found.push(line);
        }
    }
    found
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let lists = entries.map(|path| if path.is_dir() { below(&path) } else { vec![path] });
    lists.flatten().filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

#[test]
fn no_query_is_put_together_from_what_somebody_may_choose() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut complaints, mut used) = (Vec::new(), Vec::new());
    for file in below(&root.join("src")) {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let lines = composed(&fs::read_to_string(&file).unwrap());
        match ALLOWED.iter().find(|(allowed, _)| *allowed == path) {
            Some(allowed) if !lines.is_empty() => used.push(allowed),
            _ => complaints
                .extend(lines.iter().map(|line| format!("{path}:{line}: SQL is put together here; bind parameters"))),
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    assert_eq!(used.len(), ALLOWED.len(), "an exception that is not needed any more");
}

#[test]
fn the_rule_bites() {
    assert_eq!(composed("fn f() {\n    db.execute(&format!(\"x {name}\"), [])?;\n}"), [2]);
    assert_eq!(composed("let sql = format!(\n    \"SELECT * FROM {table}\"\n);"), [1]);
    assert_eq!(composed("write!(sql, \"DELETE FROM x WHERE a = '{a}'\")?;"), [1]);
    assert_eq!(composed("db.execute(\"DELETE FROM x WHERE a = ?1\", [a])?; format!(\"{a} rows\");"), [0; 0]);
    assert_eq!(composed("#[cfg(test)]\nmod t {}\n#[cfg(test)]\nmod u { format!(\"SELECT {x}\") }"), [0; 0]);
}
