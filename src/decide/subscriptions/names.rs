//! Which wanted stream has which name.

use std::collections::HashMap;

use super::Slot;

/// A name as it lies in the table itself, zeros behind it; its length stands in the last byte. Each message asks by a
/// name, and in 5,000 streams each name that lies elsewhere is one more wait for memory.
type Short = [u8; ROOM + 1];

/// The longest name that lies in the table. A hash of DataSift's has 32 bytes.
const ROOM: usize = 39;

/// The places of wanted streams by their names, of which there are no two alike.
#[derive(Debug, Default)]
pub(super) struct Names {
    short: HashMap<Short, Slot>,
    long: HashMap<Box<str>, Slot>,
}

impl Names {
    pub(super) fn get(&self, name: &str) -> Option<Slot> {
        match short(name) {
            Some(short) => self.short.get(&short).copied(),
            None => self.long.get(name).copied(),
        }
    }

    pub(super) fn insert(&mut self, name: &str, slot: Slot) {
        match short(name) {
            Some(short) => self.short.insert(short, slot),
            None => self.long.insert(name.into(), slot),
        };
    }

    pub(super) fn remove(&mut self, name: &str) {
        match short(name) {
            Some(short) => self.short.remove(&short),
            None => self.long.remove(name),
        };
    }

    pub(super) fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }
}

/// The name in the form of the table, if it has room there.
fn short(name: &str) -> Option<Short> {
    let mut short = [0; ROOM + 1];
    let (length, bytes) = short.split_last_mut()?;
    bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
    *length = u8::try_from(name.len()).ok()?;
    Some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_length_are_told_apart() {
        let mut names = Names::default();
        let mut all: Vec<String> = (0..=2 * ROOM).map(|length| "a".repeat(length)).collect();
        all.extend((0..=2 * ROOM).map(|zeros| format!("a{}", "\0".repeat(zeros + 1))));
        all.push(format!("{}b", "a".repeat(ROOM - 1)));
        all.push(format!("{}b", "a".repeat(ROOM)));
        for (place, name) in all.iter().enumerate() {
            assert_eq!(names.get(name), None);
            names.insert(name, Slot(place));
        }
        let short = all.iter().filter(|name| name.len() <= ROOM).count();
        assert_eq!((names.short.len(), names.len()), (short, all.len()));
        for (place, name) in all.iter().enumerate() {
            assert_eq!(names.get(name), Some(Slot(place)), "{name:?}");
        }
        for (left, name) in all.iter().enumerate().rev() {
            names.remove(name);
            assert_eq!((names.get(name), names.len()), (None, left), "{name:?}");
        }
    }
}
