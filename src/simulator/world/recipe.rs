//! How an interaction was made, so that it can be made again byte for byte without being kept.

use super::shape;
use super::template::Template;
use crate::simulator::scenario::World as Settings;
use fastrand::Rng;

/// Ordinary interactions differ in everything that is patched in; their shapes are this many.
const TEMPLATES: usize = 256;

/// Where templates of one size lie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shelf {
    Ordinary,
    Large,
    Huge,
}

/// Template and particulars of an interaction, beside its id and the time of its post.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulator) struct Recipe {
    shelf: Shelf,
    place: u16,
    received_us: i64,
    source: u64,
}

impl Recipe {
    pub(super) fn new(shelf: Shelf, place: usize, received_us: i64, source: u64) -> Self {
        Self { shelf, place: u16::try_from(place).unwrap_or(u16::MAX), received_us, source }
    }

    pub(super) fn received_us(&self) -> i64 {
        self.received_us
    }

    pub(super) fn source(&self) -> u64 {
        self.source
    }

    /// The kind of source that it came from.
    pub(in crate::simulator) fn kind(&self) -> &'static str {
        kind(usize::from(self.place))
    }
}

fn kind(place: usize) -> &'static str {
    shape::TYPES.get(place % shape::TYPES.len()).copied().unwrap_or_default().0
}

/// Every kind of source in the world.
pub(in crate::simulator) fn kinds() -> impl Iterator<Item = &'static str> {
    (0..shape::TYPES.len()).map(kind)
}

/// All templates of a world.
#[derive(Debug)]
pub(super) struct Shelves {
    ordinary: Vec<Template>,
    /// Made when first needed, from a seed of their own.
    large: Option<Vec<Template>>,
    huge: Option<Vec<Template>>,
    seed: u64,
}

impl Shelves {
    pub(super) fn new(rng: &mut Rng, settings: &Settings, seed: u64) -> Self {
        Self { ordinary: templates(rng, settings, TEMPLATES, 200..700), large: None, huge: None, seed }
    }

    /// The templates of a shelf, which is filled if it was not.
    pub(super) fn filled(&mut self, shelf: Shelf, settings: &Settings) -> &[Template] {
        let make = |count, bytes| templates(&mut Rng::with_seed(self.seed), settings, count, bytes);
        match shelf {
            Shelf::Ordinary => &self.ordinary,
            Shelf::Large => self.large.get_or_insert_with(|| make(4, 80_000..120_000)),
            Shelf::Huge => self.huge.get_or_insert_with(|| make(2, 900_000..1_000_000)),
        }
    }

    pub(super) fn template(&self, recipe: &Recipe) -> Option<&Template> {
        let shelf = match recipe.shelf {
            Shelf::Ordinary => Some(&self.ordinary),
            Shelf::Large => self.large.as_ref(),
            Shelf::Huge => self.huge.as_ref(),
        };
        shelf?.get(usize::from(recipe.place))
    }
}

fn templates(rng: &mut Rng, settings: &Settings, count: usize, bytes: std::ops::Range<usize>) -> Vec<Template> {
    (0..count)
        .map(|place| {
            let shape = shape::TYPES.get(place % shape::TYPES.len()).copied().unwrap_or_default();
            let size = rng.usize(bytes.clone());
            let data = shape::interaction(rng, shape, size);
            let ascii = rng.bool();
            let data_first = rng.f64() < settings.data_first;
            Template::new(&data, ascii, data_first)
        })
        .collect()
}
