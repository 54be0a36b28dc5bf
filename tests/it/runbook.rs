//! What the runbook tells people to type works.

use std::fs;
use std::path::Path;

use siftd::notice::TABLE;

use crate::example::Example;

#[test]
fn every_query_of_the_runbook_can_be_asked_of_an_archive() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbook.md")).unwrap();
    let blocks = page.split("```sql\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let in_shell = page.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix('"'));
    let queries: Vec<_> = blocks.chain(in_shell).collect();
    assert!(queries.len() > 10, "the search has lost its way");
    let archive = Example::empty();
    for query in queries {
        archive.writer.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    }
}

/// Who is woken by a notice finds four answers, in this order, and the last is something to type.
#[test]
fn every_notice_has_meaning_impact_remedy_and_something_to_type() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbook.md")).unwrap();
    let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
    assert_eq!(sections.len(), TABLE.len());
    for section in sections {
        let name = section.lines().next().unwrap();
        let parts = ["\n**Meaning.** ", "\n**Impact.** ", "\n**What to do.** ", "\n```s"];
        let places: Vec<Option<usize>> = parts.iter().map(|part| section.find(part)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{name}: {places:?}");
    }
}
