//! The call that compiles: of the filter language, as much as makes one stream of several.
//!
//! Source: DataSift, CSDL: the tag and stream keywords; the answer as recorded.

use super::Desk;
use super::reply::{Outcome, Refusal};
use super::request::Request;
use crate::simulator::world::{World, as_hash};
use serde_json::json;

/// A definition may have so many characters; nobody recorded how many the service takes.
const LONGEST: usize = 6_060;

/// What a query looks for: messages of any of these streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Definition {
    pub(super) hash: String,
    /// By place.
    pub(super) streams: Vec<usize>,
    /// Each with the stream whose messages bear it.
    pub(super) tags: Vec<(String, usize)>,
}

impl Definition {
    /// One stream as it is.
    pub(super) fn of_stream(hash: &str, place: usize) -> Self {
        Self { hash: hash.to_owned(), streams: vec![place], tags: Vec::new() }
    }

    /// So many streams are charged for.
    pub(super) fn weight(&self) -> u32 {
        u32::try_from(self.streams.len()).unwrap_or(u32::MAX)
    }

    /// The tags of a message that these streams match.
    pub(super) fn tags_of(&self, streams: &[usize]) -> Vec<&str> {
        self.tags.iter().filter(|(_, stream)| streams.contains(stream)).map(|(tag, _)| tag.as_str()).collect()
    }
}

impl Desk<'_> {
    pub(super) fn compile(&mut self, request: &Request) -> Result<Outcome, Refusal> {
        let csdl = request.parameter("csdl").ok_or_else(|| Refusal::new(400, "Missing param 'csdl'"))?;
        let refused = |what: String| Refusal::new(400, format!("We are unable to compile this CSDL: {what}"));
        let mut definition = compiled(csdl, self.world).map_err(refused)?;
        // The same text, the same hash.
        definition.hash = blake3::hash(csdl.as_bytes()).to_hex().chars().take(32).collect();
        let created = jiff::Timestamp::from_second(self.now_s()).unwrap_or_default();
        let dpu = self.rest.fees.rate() * f64::from(definition.weight());
        let answer = json!({"hash": definition.hash, "created_at": created.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                            "dpu": dpu.to_string()});
        for place in &definition.streams {
            let hash = self.world.channel(*place).map(|channel| channel.hash().to_owned()).unwrap_or_default();
            self.rest.hashes.insert(*place, hash);
        }
        self.rest.definitions.retain(|known| known.hash != definition.hash);
        self.rest.definitions.push(definition);
        Ok(Outcome::json(200, &answer))
    }

    /// What a hash stands for: a stream of the world, or what was compiled.
    pub(super) fn definition(&self, hash: &str) -> Option<Definition> {
        let compiled = self.rest.definitions.iter().find(|known| known.hash == hash).cloned();
        compiled.or_else(|| Some(Definition::of_stream(hash, self.world.place_of(&as_hash(hash)?)?)))
    }
}

/// Reads `tag "name" {stream "hash"}`, any number of them, then `return {stream "hash" OR stream "hash"}`.
fn compiled(csdl: &str, world: &World) -> Result<Definition, String> {
    if csdl.len() > LONGEST {
        return Err(format!("it has more than {LONGEST} characters"));
    }
    let mut text = Text(csdl);
    let mut definition = Definition::default();
    let place = |hash: &str| {
        let known = as_hash(hash).and_then(|hash| world.place_of(&hash));
        known.ok_or_else(|| format!("the stream {hash} does not exist"))
    };
    while text.takes("tag") {
        let tag = text.quoted()?;
        if !tag.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' ')) {
            return Err(format!("the tag {tag} has a character that a tag cannot have"));
        }
        if definition.tags.iter().any(|(known, _)| known == tag) {
            return Err(format!("the tag {tag} is defined twice"));
        }
        text.needs("{")?;
        text.needs("stream")?;
        definition.tags.push((tag.to_owned(), place(text.quoted()?)?));
        text.needs("}")?;
    }
    text.needs("return")?;
    text.needs("{")?;
    loop {
        text.needs("stream")?;
        definition.streams.push(place(text.quoted()?)?);
        if !text.takes("OR") {
            break;
        }
    }
    text.needs("}")?;
    if text.0.trim().is_empty() { Ok(definition) } else { Err(format!("nothing was expected before {:.40}", text.0)) }
}

/// What is still to be read.
struct Text<'t>(&'t str);

impl<'t> Text<'t> {
    fn takes(&mut self, word: &str) -> bool {
        let rest = self.0.trim_start().strip_prefix(word);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn needs(&mut self, word: &str) -> Result<(), String> {
        if self.takes(word) { Ok(()) } else { Err(format!("{word} was expected before {:.40}", self.0.trim_start())) }
    }

    fn quoted(&mut self) -> Result<&'t str, String> {
        self.needs("\"")?;
        let (quoted, rest) = self.0.split_once('"').ok_or("a quote is not closed")?;
        self.0 = rest;
        Ok(quoted)
    }
}
