//! docs/proof.md: every row of the fault catalogue is there, and every test that it names exists.

use std::fs;
use std::path::{Path, PathBuf};

const ROWS: usize = 73;

/// A row: its number, and what its last column says.
fn rows(page: &str) -> Vec<(usize, String)> {
    let cells = page.lines().map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    cells.filter_map(|cells| Some((cells.first()?.parse().ok()?, (*cells.last()?).to_owned()))).collect()
}

/// The files in which the module of a test may be: `proof::network` is tests/proof/network.rs or …/network/mod.rs; the
/// last module may also be one inside a file.
pub(crate) fn places(root: &Path, modules: &[&str]) -> Vec<PathBuf> {
    let Some((first, inner)) = modules.split_first() else { return Vec::new() };
    let folder = if *first == "siftd" { root.join("src") } else { root.join("tests").join(first) };
    let depths = [inner.len(), inner.len().saturating_sub(1)];
    let paths = depths.iter().map(|depth| inner.iter().take(*depth).fold(folder.clone(), |path, name| path.join(name)));
    paths.flat_map(|path| [path.with_extension("rs"), path.join("mod.rs"), path.join("main.rs")]).collect()
}

fn complaint(root: &Path, number: usize, test: &str) -> Option<String> {
    let path: Vec<&str> = test.split("::").collect();
    let Some((name, modules)) = path.split_last() else { return Some(format!("row {number} names no test")) };
    let found = places(root, modules)
        .iter()
        .any(|place| fs::read_to_string(place).is_ok_and(|text| text.contains(&format!("fn {name}("))));
    (!found).then(|| format!("row {number}: there is no test {test}"))
}

/// The tests that a cell names: what stands between two backquotes and has a path.
fn named(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).filter(|word| word.contains("::")).collect()
}

fn complaints(page: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = rows(page);
    let mut complaints = Vec::new();
    for number in 1..=ROWS {
        let cells: Vec<&String> = rows.iter().filter(|row| row.0 == number).map(|row| &row.1).collect();
        let [cell] = cells.as_slice() else {
            complaints.push(format!("row {number} is there {} times", cells.len()));
            continue;
        };
        let tests = named(cell);
        // What cannot be injected says why; that takes more than a word.
        if tests.is_empty() && cell.split(' ').count() < 4 {
            complaints.push(format!("row {number} names no test and gives no reason: {cell:?}"));
        }
        complaints.extend(tests.iter().filter_map(|test| complaint(root, number, test)));
    }
    complaints
}

#[test]
fn every_fault_has_its_test() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/proof.md")).unwrap();
    let complaints = complaints(&page);
    assert!(complaints.is_empty(), "docs/proof.md:\n{}", complaints.join("\n"));
}

#[test]
fn what_is_wrong_with_the_page_is_told() {
    let page = "| 1 | a | b | `proof::network::refused_then_up` |\n| 2 | a | b | `proof::network::never_written` |\n\
                | 3 | a | b | no |\n| 4 | a | b | `it::proof_page::every_fault_has_its_test` |\n\
                | 4 | a | b | open |\n| 5 | a | b | needs a kernel with device mapper |\n";
    let complaints = complaints(page);
    let expected = [
        "row 2: there is no test proof::network::never_written",
        "row 3 names no test and gives no reason: \"no\"",
        "row 4 is there 2 times",
        "row 6 is there 0 times",
    ];
    assert_eq!(complaints.get(..4), Some(expected.map(str::to_owned).as_slice()));
}
