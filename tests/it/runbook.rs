//! What the runbook tells people to type works.

use std::fs;
use std::path::Path;

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
