//! daemon.toml(5), out of the comments of the shipped daemon.toml.

use clap_mangen::roff::{Roff, bold, roman};

use super::{begun, markdown};

const SHIPPED: &str = include_str!("../../../daemon.toml");

/// The page.
pub(super) fn page(date: &str) -> String {
    let mut page = begun("daemon.toml", "5", date, "the settings of siftd");
    let (opening, sections) = SHIPPED.split_once("\n\n").unwrap_or((SHIPPED, ""));
    page.control("SH", ["DESCRIPTION"]);
    // The first paragraph of comments says how the file is written.
    page.text([roman("siftd reads /etc/siftd/daemon.toml, or the file that --config names.")]);
    for line in opening.lines().skip(1).map(said) {
        if line.is_empty() {
            page.control("PP", []);
        } else {
            page.text([roman(line)]);
        }
    }
    for section in sections.split("\n\n") {
        one(&mut page, section);
    }
    markdown::onto(&mut page, "## See also\n\n**siftd**(1), **siftd-check**(1), **siftd-reload**(1)\n");
    page.to_roff()
}

/// A section: its heading, then for each key the comments above it.
fn one(page: &mut Roff, section: &str) {
    let mut sentences: Vec<&str> = Vec::new();
    for line in section.lines() {
        if line.starts_with('[') {
            page.control("SH", [line]);
        } else if let Some((key, value)) = setting(line) {
            page.control("TP", []);
            page.text([bold(key), roman(format!(" = {value}"))]);
            page.text([roman(sentences.join(" "))]);
            sentences.clear();
        } else {
            sentences.push(said(line));
        }
    }
}

fn said(line: &str) -> &str {
    line.strip_prefix('#').unwrap_or(line).trim()
}

/// A key and its value, in force or left out.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, value) = said(line).split_once(" = ")?;
    key.chars().all(|c| c.is_ascii_lowercase() || c == '_').then_some((key, value))
}
