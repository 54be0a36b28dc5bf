//! docs/security.md names a test for each threat, and each of them exists.

use std::path::{Path, PathBuf};

use crate::proof_page::places;

const PAGE: &str = include_str!("../../docs/security.md");

/// The names of tests on the page: `proof::guard::tls::…`.
fn named(page: &str) -> Vec<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter(|name| ["proof::", "it::", "siftd::"].iter().any(|root| name.starts_with(root))).collect()
}

/// The file that holds a test, if there is one.
pub(crate) fn file_of(name: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = name.split("::").collect();
    let (test, modules) = parts.split_last()?;
    let places = places(Path::new(env!("CARGO_MANIFEST_DIR")), modules);
    places
        .into_iter()
        .find(|file| std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("fn {test}("))))
}

#[test]
fn every_test_that_the_page_names_exists() {
    let names = named(PAGE);
    assert!(names.len() > 30, "the page names {} tests only", names.len());
    let missing: Vec<_> = names.into_iter().filter(|name| file_of(name).is_none()).collect();
    assert!(missing.is_empty(), "docs/security.md names what is not there: {missing:#?}");
    assert_eq!(file_of("it::security::no_such_test"), None);
    assert_eq!(file_of("it::nowhere::every_test_that_the_page_names_exists"), None);
}

#[test]
fn every_threat_has_a_test() {
    let rows = PAGE.split("## Threats").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<_> =
        rows.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")).skip(1).collect();
    assert!(rows.len() > 20);
    for row in rows.iter().filter(|row| !row.ends_with("| | |")) {
        assert!(row.rsplit('|').nth(1).unwrap().contains('`'), "no test: {row}");
    }
}
