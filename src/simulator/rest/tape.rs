//! What the world has made, kept compactly: the archive that jobs search.

use crate::simulator::scenario::Window;
use crate::simulator::world::{Happening, Kind, Name, Recipe, World};
use std::collections::{HashMap, HashSet, VecDeque};
use tokio_tungstenite::tungstenite::Bytes;

/// A number by which a message is found again.
pub(super) type Place = u64;

/// A message for one stream. Its JSON is made again from its recipe, as it was sent.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) stream: usize,
    pub(super) id: Option<Name>,
    pub(super) made_us: i64,
    created_us: i64,
    pub(super) bytes: usize,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Recipe(Recipe),
    Whole(Box<Bytes>),
}

impl Record {
    /// The kind of source that it came from. What the world makes by hand is a post of this kind.
    pub(super) fn kind(&self) -> &'static str {
        match &self.body {
            Body::Recipe(recipe) => recipe.kind(),
            Body::Whole(_) => "wordpress",
        }
    }

    /// When it was made, or posted, in whole seconds.
    pub(super) fn second(&self, window: Window) -> i64 {
        let us = match window {
            Window::Made => self.made_us,
            Window::Posted => self.created_us,
        };
        us.div_euclid(1_000_000)
    }

    /// Its JSON, byte for byte as it was sent.
    pub(super) fn data(&self, world: &World) -> Option<Bytes> {
        match (&self.body, &self.id) {
            (Body::Recipe(recipe), Some(Name::Made(id))) => world.again(*id, self.created_us, recipe),
            (Body::Recipe(_), Some(Name::Given(_)) | None) => None,
            (Body::Whole(bytes), _) => Some(bytes.as_ref().clone()),
        }
    }
}

/// The archive.
#[derive(Debug, Default)]
pub(super) struct Tape {
    records: VecDeque<Record>,
    /// Places that came before the first record.
    forgotten: Place,
    streams: HashMap<usize, VecDeque<Place>>,
    deleted: HashSet<Name>,
}

impl Tape {
    /// Takes in what the world made for one stream; of a delete, that its interaction is gone.
    pub(super) fn keep(&mut self, happening: &Happening, stream: usize, data: &Bytes, made_us: i64, max: usize) {
        if happening.kind == Kind::Delete {
            self.deleted.extend(happening.id.clone());
            return;
        }
        while self.records.len() >= max.max(1) {
            self.forget();
        }
        let place = self.forgotten + u64::try_from(self.records.len()).unwrap_or(u64::MAX);
        self.streams.entry(stream).or_default().push_back(place);
        let body = happening.recipe.map_or_else(|| Body::Whole(Box::new(data.clone())), Body::Recipe);
        let (id, created_us) = (happening.id.clone(), happening.created_us);
        self.records.push_back(Record { stream, id, made_us, created_us, bytes: data.len(), body });
    }

    fn forget(&mut self) {
        if let Some(record) = self.records.pop_front() {
            self.forgotten += 1;
            if let Some(places) = self.streams.get_mut(&record.stream) {
                places.pop_front();
            }
        }
    }

    pub(super) fn get(&self, place: Place) -> Option<&Record> {
        self.records.get(usize::try_from(place.checked_sub(self.forgotten)?).ok()?)
    }

    /// Whether it was deleted since.
    pub(super) fn is_deleted(&self, record: &Record) -> bool {
        record.id.as_ref().is_some_and(|id| self.deleted.contains(id))
    }

    /// What was made for a stream, in its order.
    pub(super) fn of(&self, stream: usize) -> impl Iterator<Item = (Place, &Record)> {
        let places = self.streams.get(&stream).into_iter().flatten();
        places.filter_map(|place| Some((*place, self.get(*place)?)))
    }

    /// How many messages are no longer remembered.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}
