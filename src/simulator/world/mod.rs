//! The world: streams, and the interactions and deletes that happen in it whether or not anybody listens.

mod identity;
mod recipe;
mod shape;
mod template;

pub(super) use identity::{Name, as_hash, date};
pub(super) use recipe::{Recipe, kinds};
pub(super) use template::Framed;

use super::clock::micros;
use super::scenario::{Behaviour, DeleteForm, Pick, Stream, World as Settings};
use fastrand::Rng;
use identity::Id;
use recipe::{Shelf, Shelves};
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use template::{FIRST_SOURCE, Particulars, Template};
use tokio_tungstenite::tungstenite::Bytes;

/// Recent interactions that a duplicate or a delete may refer to.
const RECENT: usize = 1024;
/// Larger ones are not repeated: a thousand of them would be a gigabyte.
const REPEATED_MAX: usize = 16 << 10;
/// An interaction follows its early delete when so many other messages have been made.
const EARLY_BY: u64 = 20;

/// What kind of message it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Interaction,
    Delete,
    Duplicate,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Interaction => "interaction",
            Self::Delete => "delete",
            Self::Duplicate => "duplicate",
        }
    }
}

/// Something that happened, for one or several streams.
#[derive(Clone, Debug)]
pub(super) struct Happening {
    pub(super) kind: Kind,
    /// None is not of the world's own making.
    pub(super) id: Option<Name>,
    pub(super) created_us: i64,
    /// How to make its JSON once more; none for what was made by hand.
    pub(super) recipe: Option<Recipe>,
    /// Stream by place, and its frame.
    pub(super) copies: Vec<(usize, Framed)>,
}

/// A stream of the world.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) hash: [u8; 32],
    pub(super) label: String,
    pub(super) behaviour: Behaviour,
    silent: bool,
}

impl Channel {
    pub(super) fn hash(&self) -> &str {
        std::str::from_utf8(&self.hash).unwrap_or_default()
    }

    fn produces(&self) -> bool {
        !self.silent && !matches!(self.behaviour, Behaviour::Invalid | Behaviour::Disabled)
    }
}

#[derive(Debug)]
struct Recent {
    happening: Happening,
    source: u64,
}

/// The world and its randomness; nothing in it depends on who is connected.
#[derive(Debug)]
pub(super) struct World {
    settings: Settings,
    rng: Rng,
    channels: Vec<Channel>,
    places: HashMap<[u8; 32], usize>,
    /// Places of the streams that see interactions.
    productive: Vec<usize>,
    shelves: Shelves,
    recent: VecDeque<Recent>,
    /// Interactions whose delete came first, and the count at which they follow.
    overtaken: VecDeque<(u64, Happening)>,
    made: u64,
    deletes: usize,
}

impl World {
    pub(super) fn new(settings: &Settings, streams: &[Stream], seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut world = Self {
            settings: settings.clone(),
            channels: Vec::with_capacity(settings.streams),
            places: HashMap::new(),
            productive: Vec::new(),
            shelves: Shelves::new(&mut rng, settings, seed),
            recent: VecDeque::with_capacity(RECENT),
            overtaken: VecDeque::new(),
            made: 0,
            deletes: 0,
            rng,
        };
        for hash in settings.hashes.iter().filter_map(|hash| as_hash(hash)) {
            world.adopt(hash);
        }
        while world.channels.len() < settings.streams {
            let hash = identity::stream_hash(&mut world.rng);
            let silent = world.rng.f64() < settings.silent_streams;
            let place = world.adopt(hash);
            if let Some(channel) = world.channels.get_mut(place) {
                channel.silent = silent;
            }
        }
        for stream in streams {
            if let Some(place) = world.place(&stream.stream) {
                world.behave(place, stream.behaviour);
            }
        }
        world.survey();
        world
    }

    /// Takes a stream in, unless it is there; returns its place.
    pub(super) fn adopt(&mut self, hash: [u8; 32]) -> usize {
        let next = self.channels.len();
        let place = *self.places.entry(hash).or_insert(next);
        if place == next {
            let label = format!("simulated-{next:04}");
            self.channels.push(Channel { hash, label, behaviour: Behaviour::Fine, silent: false });
            self.productive.push(next);
        }
        place
    }

    pub(super) fn channels(&self) -> &[Channel] {
        &self.channels
    }

    pub(super) fn channel(&self, place: usize) -> Option<&Channel> {
        self.channels.get(place)
    }

    pub(super) fn place_of(&self, hash: &[u8; 32]) -> Option<usize> {
        self.places.get(hash).copied()
    }

    pub(super) fn place(&self, pick: &Pick) -> Option<usize> {
        match pick {
            Pick::Place(place) => (*place < self.channels.len()).then_some(*place),
            Pick::Hash(hash) => self.place_of(&as_hash(hash)?),
        }
    }

    pub(super) fn behave(&mut self, place: usize, behaviour: Behaviour) {
        if let Some(channel) = self.channels.get_mut(place) {
            channel.behaviour = behaviour;
        }
        self.survey();
    }

    fn survey(&mut self) {
        let producing = self.channels.iter().enumerate().filter(|(_, channel)| channel.produces());
        self.productive = producing.map(|(place, _)| place).collect();
    }

    /// The next thing that happens; nothing in a world without streams.
    pub(super) fn next(&mut self, now_us: i64) -> Option<Happening> {
        self.made += 1;
        if self.overtaken.front().is_some_and(|(due, _)| *due <= self.made) {
            return self.overtaken.pop_front().map(|(_, happening)| happening);
        }
        let chance = self.rng.f64();
        if chance < self.settings.deletes {
            let early = self.rng.f64() < self.settings.early_deletes;
            return self.delete(now_us, early).or_else(|| self.interaction(now_us, None));
        }
        if chance < self.settings.deletes + self.settings.duplicates {
            return self.duplicate().or_else(|| self.interaction(now_us, None));
        }
        self.interaction(now_us, None)
    }

    /// A new interaction, for the given stream or for any.
    pub(super) fn interaction(&mut self, now_us: i64, stream: Option<usize>) -> Option<Happening> {
        let recent = self.new_interaction(now_us, stream)?;
        let happening = recent.happening.clone();
        self.remember(recent);
        Some(happening)
    }

    fn remember(&mut self, recent: Recent) {
        let small = recent.happening.copies.iter().all(|(_, framed)| framed.frame.len() <= REPEATED_MAX);
        if small {
            if self.recent.len() >= RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(recent);
        }
    }

    fn new_interaction(&mut self, now_us: i64, stream: Option<usize>) -> Option<Recent> {
        let streams = self.audience(stream)?;
        let created_us = self.posted(now_us);
        let (id, source) = self.identify(created_us);
        let chance = self.rng.f64();
        let shelf = if chance < self.settings.huge {
            Shelf::Huge
        } else if chance < self.settings.huge + self.settings.large {
            Shelf::Large
        } else {
            Shelf::Ordinary
        };
        let templates = self.shelves.filled(shelf, &self.settings);
        let place = self.rng.usize(..templates.len().max(1));
        let template = templates.get(place)?;
        let recipe = Recipe::new(shelf, place, now_us, source);
        let particulars = Particulars::new(id, created_us, now_us, source);
        let copies = streams
            .into_iter()
            .filter_map(|place| Some((place, template.fill(&self.channels.get(place)?.hash, &particulars))))
            .collect();
        Some(Recent {
            happening: Happening {
                kind: Kind::Interaction,
                id: Some(Name::Made(id)),
                created_us: whole_second(created_us),
                recipe: Some(recipe),
                copies,
            },
            source,
        })
    }

    /// The streams that an interaction matches.
    fn audience(&mut self, stream: Option<usize>) -> Option<Vec<usize>> {
        if let Some(stream) = stream {
            return Some(vec![stream]);
        }
        let first = self.rng.choice(&self.productive).copied()?;
        let mut streams = vec![first];
        if self.rng.f64() < self.settings.shared {
            for _ in 0..self.rng.u8(1..=3) {
                let more = self.rng.choice(&self.productive).copied()?;
                if !streams.contains(&more) {
                    streams.push(more);
                }
            }
        }
        Some(streams)
    }

    /// When it was posted: now, but for the share of old ones.
    fn posted(&mut self, now_us: i64) -> i64 {
        let old_by = micros(self.settings.old_by);
        if old_by > 0 && self.rng.f64() < self.settings.old { now_us - self.rng.i64(0..old_by) } else { now_us }
    }

    fn identify(&mut self, created_us: i64) -> (Id, u64) {
        let count = self.made;
        (Id::new(created_us, count, &mut self.rng), FIRST_SOURCE + count)
    }

    /// A recent message once more, byte for byte.
    fn duplicate(&mut self) -> Option<Happening> {
        let recent = self.recent.get(self.rng.usize(..self.recent.len().max(1)))?;
        Some(Happening { kind: Kind::Duplicate, ..recent.happening.clone() })
    }

    /// A recent message once more, byte for byte or `altered` under its id.
    pub(super) fn repeat(&mut self, altered: bool) -> Option<Happening> {
        let mut happening = self.duplicate()?;
        if altered {
            happening.recipe = None;
            for (place, framed) in &mut happening.copies {
                let hash = self.channels.get(*place)?.hash();
                let data = String::from_utf8_lossy(&framed.data).replacen('{', r#"{"altered":true,"#, 1);
                *framed = Framed::usual(hash, Bytes::from(data));
            }
        }
        Some(happening)
    }

    /// One message for one stream with exactly this under `data`, in the usual frame or in this text around it.
    pub(super) fn crafted(
        &mut self,
        now_us: i64,
        place: usize,
        kind: Kind,
        id: Option<Name>,
        (data, around): (Bytes, Option<&str>),
    ) -> Option<Happening> {
        let hash = self.channels.get(place)?.hash();
        let mut framed = Framed::usual(hash, data);
        if let Some(around) = around {
            let text = around.replace("<HASH>", hash).replace("<DATA>", &String::from_utf8_lossy(&framed.data));
            framed.frame = super::wire::text(text.as_bytes());
        }
        Some(Happening { kind, id, created_us: whole_second(now_us), recipe: None, copies: vec![(place, framed)] })
    }

    /// A delete of something recent, or, `early`, of something that is yet to come.
    pub(super) fn delete(&mut self, now_us: i64, early: bool) -> Option<Happening> {
        let target = if early {
            let recent = self.new_interaction(now_us, None)?;
            self.overtaken.push_back((self.made + EARLY_BY, recent.happening.clone()));
            recent
        } else {
            // It stays there: a duplicate or a second delete may follow.
            let recent = self.recent.get(self.rng.usize(..self.recent.len().max(1)))?;
            Recent { happening: recent.happening.clone(), source: recent.source }
        };
        self.deletes += 1;
        let forms = &self.settings.delete_forms;
        let form = forms.get(self.deletes % forms.len().max(1)).copied().unwrap_or(DeleteForm::Short);
        let copies = target
            .happening
            .copies
            .iter()
            .filter_map(|(place, _)| {
                let hash = self.channels.get(*place)?.hash();
                Some((*place, delete_frame(form, hash, target.happening.id.as_ref()?, target.source)))
            })
            .collect();
        Some(Happening { kind: Kind::Delete, copies, ..target.happening })
    }

    /// The JSON of an interaction that was made before, byte for byte.
    pub(super) fn again(&self, id: Id, created_us: i64, recipe: &Recipe) -> Option<Bytes> {
        let particulars = Particulars::new(id, created_us, recipe.received_us(), recipe.source());
        Some(self.shelves.template(recipe)?.fill(&[b'0'; 32], &particulars).data)
    }

    /// One interaction whose JSON has this many bytes (at least about 300), for one stream.
    pub(super) fn sized(&mut self, now_us: i64, stream: Option<usize>, bytes: usize) -> Option<Happening> {
        let place = self.audience(stream)?.into_iter().next()?;
        let (id, source) = self.identify(now_us);
        let data = |content: &str| {
            let interaction =
                json!({"id": template::ID, "type": "wordpress", "created_at": template::CREATED, "content": content});
            json!({"interaction": interaction, "wordpress": {"id": template::SOURCE}}).to_string()
        };
        let padding = bytes.saturating_sub(data("").len());
        let template = Template::of_text(&data(&"x".repeat(padding)), false);
        let framed = template.fill(&self.channels.get(place)?.hash, &Particulars::new(id, now_us, now_us, source));
        Some(Happening {
            kind: Kind::Interaction,
            id: Some(Name::Made(id)),
            created_us: whole_second(now_us),
            recipe: None,
            copies: vec![(place, framed)],
        })
    }
}

/// `created_at` has no fraction of a second.
fn whole_second(us: i64) -> i64 {
    us.div_euclid(1_000_000) * 1_000_000
}

fn delete_frame(form: DeleteForm, hash: &str, id: &Name, source: u64) -> Framed {
    let id = id.as_str();
    let user = if form == DeleteForm::WithUser { r#","user":{"id":123456789}"# } else { "" };
    let body = format!(r#""interaction":{{"id":"{id}","type":"twitter"}},"twitter":{{"id":"{source}"{user}}}}}"#);
    let (data, after) = if form == DeleteForm::TopLevel {
        (format!("{{{body}"), r#","deleted":true}"#)
    } else {
        (format!(r#"{{"deleted":true,{body}"#), "}")
    };
    let text = format!(r#"{{"hash":"{hash}","data":{data}{after}"#);
    Framed { frame: super::wire::text(text.as_bytes()), data: Bytes::from(data) }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "what is not there fails the test")]
mod tests;
