//! Names as 64-bit numbers, and a table keyed by them.
//!
//! A class path has a million names of members; telling them apart by a hash of 64 bits instead of
//! their texts halves the time. Two of a million names meet with a probability of 3 in 10⁸.

/// A class by the hash of its internal name, a package by that of its name with slashes, or a member by
/// the hashes of its name and descriptor.
pub(super) type Id = u64;

const A: u64 = 0x9e37_79b9_7f4a_7c15;
const B: u64 = 0xd1b5_4a32_d192_ed03;

/// Multiplies to 128 bits and folds them.
fn fold(a: u64, b: u64) -> u64 {
    let (low, high) = a.carrying_mul(b, 0);
    low ^ high
}

/// The number of a name. The same in every version that reads the same facts.
pub(super) fn id(name: &[u8]) -> Id {
    let mut state = A ^ name.len() as u64;
    let (blocks, rest) = name.as_chunks::<8>();
    for block in blocks {
        state = fold(state ^ u64::from_le_bytes(*block), B);
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    fold(fold(state ^ u64::from_le_bytes(last), B), A)
}

/// The number of a member.
pub(super) fn member(name: Id, descriptor: Id) -> Id {
    fold(name ^ A, descriptor ^ B)
}

/// The part of a class's name before its last slash.
pub(super) fn package(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|b| *b == b'/').unwrap_or(0);
    name.get(..end).unwrap_or_default()
}

/// A map from numbers to small values; never iterated.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    slots: Vec<(Id, u32)>,
    used: usize,
}

/// The value that marks an empty slot.
const EMPTY: u32 = u32::MAX;

impl Table {
    /// With room for so many.
    pub(super) fn with_room(for_many: usize) -> Self {
        let size = (for_many * 2).next_power_of_two().max(16);
        Self { slots: vec![(0, EMPTY); size], used: 0 }
    }

    fn slot(&self, id: Id) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = usize::try_from(id ^ (id >> 32)).unwrap_or(0) & mask;
        while let Some(&(there, value)) = self.slots.get(at) {
            if value == EMPTY || there == id {
                break;
            }
            at = (at + 1) & mask;
        }
        at
    }

    pub(super) fn get(&self, id: Id) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        self.slots.get(self.slot(id)).map(|(_, value)| *value).filter(|value| *value != EMPTY)
    }

    /// The value that was there, or else `value`, which then is.
    pub(super) fn get_or_insert(&mut self, id: Id, value: u32) -> u32 {
        if self.used * 2 >= self.slots.len() {
            self.grow();
        }
        let at = self.slot(id);
        match self.slots.get_mut(at) {
            Some(slot) if slot.1 == EMPTY => {
                *slot = (id, value);
                self.used += 1;
                value
            }
            Some(slot) => slot.1,
            None => value,
        }
    }

    pub(super) fn contains(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    fn grow(&mut self) {
        let old = std::mem::replace(self, Self::with_room((self.used + 8) * 2));
        for (id, value) in old.slots {
            if value != EMPTY {
                self.get_or_insert(id, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_the_first_value() {
        let mut table = Table::default();
        for i in 0..1000_u32 {
            assert_eq!(table.get_or_insert(id(format!("x/C{i}").as_bytes()), i), i);
            assert_eq!(table.get_or_insert(id(format!("x/C{i}").as_bytes()), 5000), i);
        }
        assert_eq!(table.get(id(b"x/C777")), Some(777));
        assert_eq!(table.get(id(b"x/D")), None);
    }

    #[test]
    fn numbers_of_names() {
        assert_ne!(id(b""), id(b"\0"));
        assert_ne!(member(id(b"a"), id(b"b")), member(id(b"b"), id(b"a")));
        assert_eq!(package(b"a/b/C"), b"a/b");
        assert_eq!(package(b"C"), b"");
    }
}
