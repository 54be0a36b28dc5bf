//! A page of Markdown as a page of the manual.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};

/// Adds a text to a page: headings of the second order become sections. The headline is left out, the page has its own.
pub(super) fn onto(page: &mut Roff, text: &str) {
    let mut writer =
        Writer { page, words: Vec::new(), weight: Weight::Plain, inside: Inside::Text, cells: 0, fresh: true };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        writer.take(event);
    }
}

struct Writer<'page> {
    page: &'page mut Roff,
    /// What was read of the present paragraph.
    words: Vec<Inline>,
    weight: Weight,
    inside: Inside,
    /// How many cells of the present row were read.
    cells: usize,
    /// A headline has just been written: a paragraph needs no distance from it.
    fresh: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Weight {
    Plain,
    Bold,
    Italic,
}

#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Text,
    Headline,
    Item,
    Code,
    /// The first row of a table, whose words the page has no use for.
    TableHead,
    Row,
}

impl Writer<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what a page of ours does not use has no form in a manual page")]
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.inside == Inside::Code => self.lines(&text),
            Event::Text(text) => self.word(text),
            Event::Code(code) => self.words.push(bold(code.into_string())),
            Event::SoftBreak | Event::HardBreak => self.words.push(roman(" ")),
            // Comments of those who write the page.
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what a page of ours does not use has no form in a manual page")]
    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.words.clear();
                self.inside = Inside::Headline;
            }
            Tag::Paragraph if self.inside == Inside::Text => self.paragraph(),
            Tag::Item => {
                self.fresh = false;
                self.page.control("IP", ["\\(bu", "2"]);
                self.inside = Inside::Item;
            }
            Tag::CodeBlock(_) => {
                self.flush();
                self.paragraph();
                self.page.control("RS", ["4"]);
                self.page.control("nf", []);
                self.inside = Inside::Code;
            }
            Tag::TableHead => self.inside = Inside::TableHead,
            Tag::TableRow => {
                self.fresh = false;
                self.page.control("TP", []);
                (self.inside, self.cells) = (Inside::Row, 0);
            }
            Tag::TableCell if self.inside == Inside::Row && self.cells > 1 => self.words.push(roman("; ")),
            Tag::Strong => self.weight = Weight::Bold,
            Tag::Emphasis => self.weight = Weight::Italic,
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what a page of ours does not use has no form in a manual page")]
    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                let macro_name = if level <= pulldown_cmark::HeadingLevel::H2 { "SH" } else { "SS" };
                self.headline(macro_name, level == pulldown_cmark::HeadingLevel::H1);
                self.inside = Inside::Text;
            }
            TagEnd::Paragraph => self.flush(),
            TagEnd::Item | TagEnd::TableRow => {
                self.flush();
                self.inside = Inside::Text;
            }
            TagEnd::CodeBlock => {
                self.page.control("fi", []);
                self.page.control("RE", []);
                self.inside = Inside::Text;
            }
            TagEnd::TableHead => {
                self.words.clear();
                self.inside = Inside::Text;
            }
            TagEnd::TableCell if self.inside == Inside::Row => {
                self.cells = self.cells.saturating_add(1);
                if self.cells == 1 {
                    self.flush();
                }
            }
            TagEnd::Strong | TagEnd::Emphasis => self.weight = Weight::Plain,
            _ => {}
        }
    }

    fn paragraph(&mut self) {
        if !self.fresh {
            self.page.control("PP", []);
        }
        self.fresh = false;
    }

    fn word(&mut self, text: CowStr<'_>) {
        let text = text.into_string();
        self.words.push(match self.weight {
            Weight::Plain => roman(text),
            Weight::Bold => bold(text),
            Weight::Italic => italic(text),
        });
    }

    fn lines(&mut self, code: &str) {
        for line in code.lines() {
            // An empty line of the source would be a paragraph.
            self.page.text([roman(if line.is_empty() { " " } else { line })]);
        }
    }

    /// The words so far, as text of the page.
    fn flush(&mut self) {
        if !self.words.is_empty() {
            self.page.text(std::mem::take(&mut self.words));
        }
    }

    fn headline(&mut self, name: &str, of_the_page: bool) {
        let words = self.words.drain(..).map(|word| match word {
            Inline::Roman(text) | Inline::Bold(text) | Inline::Italic(text) => text,
            Inline::LineBreak => String::new(),
        });
        let words: String = words.collect();
        self.fresh = true;
        if of_the_page {
            self.page.control("SH", ["DESCRIPTION"]);
        } else if name == "SH" && words.starts_with(char::is_uppercase) {
            self.page.control(name, [words.to_uppercase().as_str()]);
        } else {
            self.page.control(name, [words.as_str()]);
        }
    }
}
