//! Spins sorted by the gain of flipping them, in buckets.
//!
//! ```text
//! bucket[g] = {i : sᵢ fᵢ = g},     best flip: any member of the lowest nonempty bucket
//! ```
//!
//! A change of one gain costs a constant time, so a flip costs `O(degree)` and
//! the best flip is at hand, whatever the number of spins.
//!
//! Source: C. M. Fiduccia and R. M. Mattheyses, *A linear-time heuristic for
//! improving network partitions*, DAC 1982, DOI 10.1109/DAC.1982.1585498.

/// No slot.
const NONE: u32 = u32::MAX;

/// Doubly linked lists of slots, one for each gain.
pub(crate) struct GainBuckets {
    /// Gains run from `−largest` to `largest`.
    largest: i32,
    heads: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    /// Bucket of each slot.
    bucket: Vec<u32>,
    /// No bucket below this one has members.
    lowest: usize,
}

impl GainBuckets {
    pub(crate) fn new(slots: usize, largest: i32) -> Self {
        Self {
            largest,
            heads: vec![NONE; 2 * largest as usize + 1],
            next: vec![NONE; slots],
            previous: vec![NONE; slots],
            bucket: vec![NONE; slots],
            lowest: 0,
        }
    }

    /// Forgets all members.
    pub(crate) fn clear(&mut self) {
        self.heads.fill(NONE);
        self.bucket.fill(NONE);
        self.lowest = self.heads.len();
    }

    /// Puts a slot, new or not, into the bucket of its gain.
    #[inline]
    pub(crate) fn put(&mut self, slot: u32, gain: i32) {
        let at = slot as usize;
        let bucket = (gain + self.largest) as u32;
        let old = self.bucket[at];
        if old == bucket {
            return;
        }
        if old != NONE {
            let (before, after) = (self.previous[at], self.next[at]);
            if before == NONE {
                self.heads[old as usize] = after;
            } else {
                self.next[before as usize] = after;
            }
            if after != NONE {
                self.previous[after as usize] = before;
            }
        }
        let head = self.heads[bucket as usize];
        self.previous[at] = NONE;
        self.next[at] = head;
        if head != NONE {
            self.previous[head as usize] = slot;
        }
        self.heads[bucket as usize] = slot;
        self.bucket[at] = bucket;
        self.lowest = self.lowest.min(bucket as usize);
    }

    /// The first slot for which `allowed`, from the lowest gain up, the latest
    /// change first.
    #[inline]
    pub(crate) fn first(&mut self, mut allowed: impl FnMut(u32) -> bool) -> Option<u32> {
        while *self.heads.get(self.lowest)? == NONE {
            self.lowest += 1;
        }
        for head in &self.heads[self.lowest..] {
            let mut slot = *head;
            while slot != NONE {
                if allowed(slot) {
                    return Some(slot);
                }
                slot = self.next[slot as usize];
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_has_the_least_gain(
            changes in prop::collection::vec((0..20_u32, -9..=9), 1..200), barred in 0..20_u32,
        ) {
            let mut buckets = GainBuckets::new(20, 9);
            buckets.clear();
            let mut gains = [i32::MAX; 20];
            for (slot, gain) in changes {
                buckets.put(slot, gain);
                gains[slot as usize] = gain;
                let allowed = |slot: &u32| *slot != barred && gains[*slot as usize] != i32::MAX;
                let least = (0..20).filter(allowed).map(|slot| gains[slot as usize]).min();
                let first = buckets.first(|slot| slot != barred);
                prop_assert_eq!(first.map(|slot| gains[slot as usize]), least);
            }
        }
    }
}
