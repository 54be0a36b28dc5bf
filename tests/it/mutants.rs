//! The list of mutants is true: each text stands exactly once where the list says, and the page names each mutant.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

/// A text in a file, and what it becomes.
struct Edit {
    mutant: String,
    file: String,
    find: String,
    replace: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All mutants of all lists, by their tables.
fn mutants() -> Vec<Table> {
    let entries = fs::read_dir(root().join("tests/mutants")).unwrap().map(|entry| entry.unwrap().path());
    let lists = entries.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    let parsed = lists.map(|path| fs::read_to_string(path).unwrap().parse::<Table>().unwrap());
    let tables = |list: Table| {
        list["mutant"].as_array().unwrap().iter().map(|mutant| mutant.as_table().unwrap().clone()).collect::<Vec<_>>()
    };
    parsed.flat_map(tables).collect()
}

fn text(table: &Table, key: &str) -> String {
    table.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("{table} has no {key}")).to_owned()
}

fn edits(mutant: &Table) -> Vec<Edit> {
    let also = mutant.get("also").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table);
    let edit = |table: &Table| Edit {
        mutant: text(mutant, "name"),
        file: text(table, "file"),
        find: text(table, "find"),
        replace: text(table, "replace"),
    };
    std::iter::once(mutant).chain(also).map(edit).collect()
}

#[test]
fn every_text_stands_exactly_once() {
    let mut complaints = Vec::new();
    for edit in mutants().iter().flat_map(edits) {
        let source = fs::read_to_string(root().join(&edit.file)).unwrap_or_default();
        let times = source.matches(&edit.find).count();
        if times != 1 || edit.find == edit.replace {
            let Edit { mutant, file, .. } = edit;
            complaints.push(format!("{mutant}: its text stands {times} times in {file}; renew it in tests/mutants"));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_mutant_says_what_it_breaks_and_who_kills_it() {
    let (mutants, mut names) = (mutants(), BTreeSet::new());
    assert!(mutants.len() >= 60, "there were more");
    let page = fs::read_to_string(root().join("docs/mutants.md")).unwrap();
    for mutant in &mutants {
        let name = text(mutant, "name");
        assert!(["breaks", "invariant"].iter().all(|key| !text(mutant, key).is_empty()), "{name}");
        assert!(["lib", "it", "proof"].contains(&text(mutant, "kill").split(' ').next().unwrap()), "{name}");
        assert!(page.contains(&format!("| `{name}` |")), "docs/mutants.md lacks {name}: tests/mutants/run --page");
        assert!(names.insert(name.clone()), "two mutants are called {name}");
    }
}
