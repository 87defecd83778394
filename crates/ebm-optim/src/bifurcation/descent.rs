//! One-flip descent of the replicas of a block, side by side.
//!
//! ```text
//! i = 1, …, n, 1, …:   sᵢ ← −sᵢ   in the replicas where  sᵢ (Fᵢ + hᵢ) < 0,   until a pass flips none
//! ```
//!
//! In each replica these are the flips of [`one_flip`](crate::one_flip), in the
//! same order, but a visit to a neighbor serves all replicas, and only spins are
//! visited that may flip: those unstable at first, and neighbors of a flip.

use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::{Kernel, run};

use super::couplings::{CHUNK, Couplings};
use crate::forms::{Signs, Sums};

/// What the states are to descend on; not dense couplings.
pub(super) struct Descent<'a> {
    pub(super) level: Level,
    pub(super) couplings: &'a Couplings,
    /// In units of the couplings.
    pub(super) fields: &'a [i16],
    /// Where each spin is, in the order of the flips.
    pub(super) place: &'a [u32],
}

impl Descent<'_> {
    /// Flips until no flip of one spin lowers the energy of a replica, with room
    /// for [`CHUNK`] sums; false if it is too late for that.
    pub(super) fn run(
        &self,
        signs: &mut [Signs],
        sums: &mut [Sums],
        is_late: impl Fn() -> bool,
    ) -> bool {
        let Self { level, couplings, fields, place } = *self;
        let mut unstable = vec![false; fields.len()];
        for first in (0..fields.len()).step_by(CHUNK) {
            if is_late() {
                return false;
            }
            let rows = first..(first + CHUNK).min(fields.len());
            let sums = couplings.multiply(level, signs, rows.clone(), sums);
            let (signs, fields) = (&signs[rows.clone()], &fields[rows.clone()]);
            run(level, FindUnstable { sums, signs, fields, unstable: &mut unstable[rows] });
        }
        let mut flipped = true;
        while flipped {
            flipped = false;
            for places in place.chunks(CHUNK) {
                if is_late() {
                    return false;
                }
                for i in places.iter().map(|i| *i as usize) {
                    if !std::mem::take(&mut unstable[i]) {
                        continue;
                    }
                    let sums = &couplings.multiply(level, signs, i..i + 1, sums)[0];
                    if run(level, Flip { sums, signs: &mut signs[i], field: fields[i] }) {
                        couplings.neighbors(i, |j| unstable[j] = true);
                        flipped = true;
                    }
                }
            }
        }
        true
    }
}

/// `sᵢ (Fᵢ + hᵢ)` of a replica.
#[inline(always)]
fn stability(f: i16, field: i16, s: i8) -> i16 {
    f.wrapping_add(field).wrapping_mul(i16::from(s))
}

/// Notes for each spin whether a flip lowers the energy of a replica.
struct FindUnstable<'a> {
    sums: &'a [Sums],
    signs: &'a [Signs],
    fields: &'a [i16],
    unstable: &'a mut [bool],
}

impl Kernel for FindUnstable<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.sums.iter().zip(self.signs).zip(self.fields).zip(self.unstable);
        for (((sums, signs), field), unstable) in rows {
            let mut least = 0;
            for (f, s) in sums.0.iter().zip(&signs.0) {
                least = i16::min(least, stability(*f, *field, *s));
            }
            *unstable = least < 0;
        }
    }
}

/// Flips a spin in the replicas whose energy that lowers; is there one?
struct Flip<'a> {
    sums: &'a Sums,
    signs: &'a mut Signs,
    field: i16,
}

impl Kernel for Flip<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let mut least = 0;
        for (f, s) in self.sums.0.iter().zip(&mut self.signs.0) {
            let stability = stability(*f, self.field, *s);
            least = i16::min(least, stability);
            *s = if stability < 0 { -*s } else { *s };
        }
        least < 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::couplings::Placed;
    use super::*;
    use crate::forms::LANES;
    use crate::{Ising, one_flip};
    use ebm_core::random::stream;
    use rand::RngExt;

    /// The same states as those of the replicas on their own, whatever the form,
    /// and wherever the spins are placed.
    #[test]
    fn ends_where_each_replica_would_alone() {
        for (n, density, most) in [(1, 0.0, 1), (300, 0.02, 1), (300, 0.1, 1), (200, 0.1, 9)] {
            let mut rng = stream(n as u64, most as u64);
            let mut pairs = vec![];
            for i in 0..n {
                for j in i + 1..n {
                    if rng.random::<f64>() < density {
                        let size = f64::from(rng.random_range(1..=most));
                        pairs.push((i, j, if rng.random() { size } else { -size }));
                    }
                }
            }
            let fields: Vec<i16> = (0..n).map(|_| rng.random_range(-2..=2)).collect();
            let values = fields.iter().map(|h| f64::from(*h)).collect();
            let problem = Ising::from_couplings(n, &pairs).unwrap().with_fields(values).unwrap();
            let placed = Placed::new(&problem).unwrap();
            assert_eq!(matches!(placed.couplings, Couplings::Sparse(_)), most == 1);
            let order = &placed.order;
            let fields: Vec<i16> = order.iter().map(|&i| fields[i as usize]).collect();
            let mut place = vec![0; n];
            order.iter().enumerate().for_each(|(k, &i)| place[i as usize] = k as u32);
            let mut draw = |_| Signs(std::array::from_fn(|_| if rng.random() { 1 } else { -1 }));
            let start: Vec<Signs> = (0..n).map(&mut draw).collect();
            let spins = |signs: &[Signs], lane: usize| -> Vec<i8> {
                place.iter().map(|&k| signs[k as usize].0[lane]).collect()
            };
            for level in [Level::Baseline, Level::Avx2] {
                let descent =
                    Descent { level, couplings: &placed.couplings, fields: &fields, place: &place };
                let (mut signs, mut sums) = (start.clone(), vec![Sums::ZERO; CHUNK]);
                assert!(descent.run(&mut signs, &mut sums, || false));
                for lane in 0..LANES {
                    let mut expected = spins(&start, lane);
                    one_flip::descend(&problem, &mut expected).unwrap();
                    assert_eq!(spins(&signs, lane), expected, "{level:?} {n} {lane}");
                }
                assert!(!descent.run(&mut signs, &mut sums, || true));
            }
        }
    }
}
