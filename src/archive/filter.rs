//! In which zone of each full group a key can be: a static filter for each group, 32 of them side by side in memory.
//!
//! Binary fuse filters (Graf and Lemire, 2022) that give a value: three cells, found by the key's hash, are put together
//! to 16 bits: 13 that depend on the key, by which a strange key is known as such (but for one in 8,192), and the zone in the
//! other 3. All filters have as many cells and, nearly always, the same seed: so a key has the same three places in each,
//! and one line of memory holds what stands there in 32 of them. To ask for a key is three lines for two million of them.

/// Keys of a group at most; so few under test that a short test fills many.
pub(super) const KEYS: usize = if cfg!(test) { 32 } else { 64 * 1024 };

/// A key's three cells lie in three segments that follow one another; the first of them is one of so many. Numbers for
/// that many keys, by the rule in the paper.
const SEGMENT: u64 = if cfg!(test) { 16 } else { 2048 };
const SEGMENTS: u64 = if cfg!(test) { 6 } else { 36 };

/// Cells of a filter: those of the segments in which the first may lie, and of the two behind them.
const CELLS: usize = if cfg!(test) { (6 + 2) * 16 } else { (36 + 2) * 2048 };

/// Seeds that are tried. One in some dozens fails.
const SEEDS: u32 = 64;

/// Filters side by side: with two bytes each, a line of the processor's cache.
const SIDE: usize = 32;

/// A key and its zone's place in the group: 0 to 7.
pub(super) type Entry = (u64, u8);

/// The filter of one group, as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Filter {
    pub(super) seed: u32,
    pub(super) cells: Vec<u16>,
}

/// What is asked of every filter with the same seed.
struct Probe {
    places: [usize; 3],
    /// What the upper 13 bits must be.
    mark: u16,
}

impl Probe {
    fn of(key: u64, seed: u32) -> Self {
        let hash = scatter(key.wrapping_add(u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let first = (u128::from(hash) * u128::from(SEGMENTS * SEGMENT)) >> 64;
        let first = u64::try_from(first).unwrap_or_default();
        let second = (first + SEGMENT) ^ ((hash >> 18) & (SEGMENT - 1));
        let third = (first + 2 * SEGMENT) ^ (hash & (SEGMENT - 1));
        let places = [first, second, third].map(|place| usize::try_from(place).unwrap_or_default());
        let mark = u16::try_from((hash ^ (hash >> 32)) & 0xfff8).unwrap_or_default();
        Self { places, mark }
    }
}

/// Another number for each number, without order (splitmix64).
const fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Filter {
    /// Makes the filter of these keys, each of which is there once. Nothing if there are too many.
    pub(super) fn of(entries: &[Entry]) -> Option<Self> {
        (0..SEEDS).find_map(|seed| Some(Self { seed, cells: solve(entries, seed)? }))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.cells.iter().flat_map(|cell| cell.to_le_bytes()).collect()
    }

    /// Nothing, if it has not as many cells as it must.
    pub(super) fn from_bytes(seed: u32, bytes: &[u8]) -> Option<Self> {
        let (cells, rest) = bytes.as_chunks();
        let cells: Vec<u16> = cells.iter().copied().map(u16::from_le_bytes).collect();
        (cells.len() == CELLS && rest.is_empty()).then_some(Self { seed, cells })
    }
}

/// What lies in a cell while it is not known whose it will be.
#[derive(Clone, Copy, Default)]
struct Claims {
    count: u32,
    /// The places of all keys that have it, added up without carry: of one, its own.
    keys: usize,
}

/// Gives each key a cell that is its own among those left, last come first; then the cells their values the other way
/// round. Fails if keys are left that share all their cells.
fn solve(entries: &[Entry], seed: u32) -> Option<Vec<u16>> {
    let mut claims = vec![Claims::default(); CELLS];
    let mut claim = |number: usize, place: usize, more: bool| {
        let of = claims.get_mut(place)?;
        of.count = if more { of.count + 1 } else { of.count.checked_sub(1)? };
        of.keys ^= number;
        Some(*of)
    };
    for (number, (key, _)) in entries.iter().enumerate() {
        for place in Probe::of(*key, seed).places {
            claim(number, place, true)?;
        }
    }
    let mut single: Vec<usize> = (0..CELLS).collect();
    let mut order = Vec::with_capacity(entries.len());
    while let Some(own) = single.pop() {
        let Claims { count: 1, keys: number } = claim(0, own, true).and_then(|_| claim(0, own, false))? else {
            continue;
        };
        for place in Probe::of(entries.get(number)?.0, seed).places {
            if claim(number, place, false)?.count == 1 {
                single.push(place);
            }
        }
        order.push((own, number));
    }
    if order.len() < entries.len() {
        return None;
    }
    let mut cells = vec![0_u16; CELLS];
    for (own, number) in order.into_iter().rev() {
        let (key, zone) = entries.get(number)?;
        let probe = Probe::of(*key, seed);
        let others = probe.places.iter().filter_map(|place| cells.get(*place)).fold(0, |sum, cell| sum ^ cell);
        *cells.get_mut(own)? = probe.mark ^ u16::from(zone & 7) ^ others;
    }
    Some(cells)
}

/// The cells of one place in all filters of a bank.
#[repr(align(64))]
#[derive(Clone, Copy, Debug)]
struct Line([u16; SIDE]);

/// Filters of one seed.
#[derive(Debug)]
struct Bank {
    seed: u32,
    groups: [Option<i64>; SIDE],
    lines: Vec<Line>,
}

/// The filters of all full groups.
#[derive(Debug, Default)]
pub(super) struct Filters {
    banks: Vec<Bank>,
}

impl Filters {
    pub(super) fn add(&mut self, group: i64, filter: &Filter) {
        let has_room = |bank: &Bank| bank.seed == filter.seed && bank.groups.contains(&None);
        if !self.banks.iter().any(has_room) {
            let lines = vec![Line([0; SIDE]); CELLS];
            self.banks.push(Bank { seed: filter.seed, groups: [None; SIDE], lines });
        }
        let Some(bank) = self.banks.iter_mut().find(|bank| has_room(bank)) else { return };
        let Some(side) = bank.groups.iter().position(Option::is_none) else { return };
        for (line, cell) in bank.lines.iter_mut().zip(&filter.cells) {
            if let Some(place) = line.0.get_mut(side) {
                *place = *cell;
            }
        }
        if let Some(place) = bank.groups.get_mut(side) {
            *place = Some(group);
        }
    }

    /// Keeps the filters of those groups for which it is said.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(i64) -> bool) {
        for bank in &mut self.banks {
            for of in &mut bank.groups {
                *of = of.filter(|group| keep(*group));
            }
        }
        self.banks.retain(|bank| bank.groups.iter().any(Option::is_some));
    }

    /// Says the groups that can have a key, and in which of their zones.
    pub(super) fn ask(&self, key: u64, mut say: impl FnMut(i64, u8)) {
        for bank in &self.banks {
            let Probe { places: [first, second, third], mark } = Probe::of(key, bank.seed);
            let line = |place: usize| bank.lines.get(place);
            let (Some(first), Some(second), Some(third)) = (line(first), line(second), line(third)) else { continue };
            let mut found = [0_u16; SIDE];
            for (((found, first), second), third) in found.iter_mut().zip(&first.0).zip(&second.0).zip(&third.0) {
                *found = first ^ second ^ third ^ mark;
            }
            if found.iter().all(|found| *found > 7) {
                continue;
            }
            for (found, group) in found.iter().zip(bank.groups) {
                if let (0..=7, Some(group)) = (*found, group) {
                    say(group, u8::try_from(*found).unwrap_or_default());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(of: u64) -> Vec<Entry> {
        (0..32).map(|number| (scatter(of * 1000 + number), u8::try_from(number / 4).unwrap())).collect()
    }

    #[test]
    fn every_key_is_found_in_its_group_and_zone_and_hardly_any_elsewhere() {
        let mut filters = Filters::default();
        for group in 0..100 {
            let filter = Filter::of(&entries(group)).unwrap();
            assert_eq!(Filter::from_bytes(filter.seed, &filter.bytes()).unwrap(), filter);
            filters.add(i64::try_from(group).unwrap(), &filter);
        }
        filters.retain(|group| group != 7);
        let (mut asked, mut wrong) = (0, 0);
        for group in 0..200 {
            for (key, zone) in entries(group) {
                let mut found = Vec::new();
                filters.ask(key, |group, zone| found.push((group, zone)));
                let own = (i64::try_from(group).unwrap(), zone);
                assert_eq!(found.contains(&own), group < 100 && group != 7, "{own:?} in {found:?}");
                wrong += found.iter().filter(|found| **found != own).count();
                asked += 100;
            }
        }
        // One in 8,192: 78 of 640,000.
        assert!(wrong > 25 && wrong < 250, "{wrong} of {asked}");
    }

    #[test]
    fn a_group_that_is_gone_makes_room_for_another() {
        let mut filters = Filters::default();
        let filter = Filter::of(&entries(1)).unwrap();
        for group in 0..32 {
            filters.add(group, &Filter { seed: 0, ..filter.clone() });
        }
        assert_eq!(filters.banks.len(), 1);
        filters.retain(|group| group != 5);
        filters.add(99, &Filter { seed: 0, ..filter.clone() });
        let fifth = filters.banks.first().and_then(|bank| bank.groups.get(5));
        assert_eq!((filters.banks.len(), fifth), (1, Some(&Some(99))));
        // Another seed has other places.
        filters.add(100, &Filter { seed: 1, ..filter });
        assert_eq!(filters.banks.len(), 2);
        filters.retain(|group| group == 100);
        assert_eq!(filters.banks.len(), 1);
    }

    #[test]
    fn what_has_not_its_size_is_no_filter_and_too_many_keys_have_none() {
        let bytes = Filter::of(&entries(1)).unwrap().bytes();
        for length in [0, 1, bytes.len() - 1, bytes.len() - 2] {
            assert_eq!(Filter::from_bytes(0, bytes.get(..length).unwrap()), None, "{length}");
        }
        assert_eq!(Filter::from_bytes(0, &[bytes, vec![0; 2]].concat()), None);
        let many: Vec<Entry> = (0..1_000).map(|number| (scatter(number), 0)).collect();
        assert_eq!(Filter::of(&many), None);
        assert!(Filter::of(&[]).is_some());
    }
}
