//! Maps and sets of unordered pairs of indices, with a hash that costs two
//! instructions.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// Values by [`pair`].
pub(crate) type PairMap<T> = HashMap<u64, T, BuildHasherDefault<PairHasher>>;

/// Pairs by [`pair`].
pub(crate) type PairSet = HashSet<u64, BuildHasherDefault<PairHasher>>;

/// The key of a pair, whichever of the two comes first.
pub(crate) fn pair(a: u32, b: u32) -> u64 {
    u64::from(a.min(b)) << 32 | u64::from(a.max(b))
}

/// Multiplies by an odd number and folds: the keys are distinct pairs of
/// indices and only looked up, so neither order nor secrecy matters.
#[derive(Default)]
pub(crate) struct PairHasher(u64);

impl Hasher for PairHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        let product = u128::from(key ^ 0x243f_6a88_85a3_08d3) * 0x9e37_79b9_7f4a_7c15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}
