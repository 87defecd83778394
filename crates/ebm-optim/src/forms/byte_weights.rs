//! Sparse couplings that are small multiples of a unit: one byte a coupling.
//!
//! ```text
//! (J s)ᵢ = u Σⱼ wᵢⱼ sⱼ,      wᵢⱼ integers,   |wᵢⱼ| ≤ 127,   Σⱼ |wᵢⱼ| ≤ 32767
//! ```
//!
//! Spins are bytes, of which the [kernel](crate::kernels::weighted_sums) sums 64
//! replicas at a time. Where all couplings have one magnitude, a
//! [`SignSplit`](super::SignSplit) needs no weights.

use std::ops::Range;

use ebm_core::vector_math::Level;

use super::lanes::{Signs, Sums};
use crate::Ising;
use crate::kernels::weighted_sums::{self, Lists};

/// Couplings that are small multiples of a unit, by rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ByteWeights {
    /// Row `i` is pieces `rows[i]..rows[i + 1]`, piece `p` the entries
    /// `pieces[p]..pieces[p + 1]`, whose magnitudes add up to at most 127.
    rows: Vec<u32>,
    pieces: Vec<u32>,
    columns: Vec<u32>,
    weights: Vec<i8>,
    unit: f64,
    largest_sum: usize,
}

/// The largest number that both are multiples of: `fmod` is exact.
fn common_divisor(mut a: f64, mut b: f64) -> f64 {
    while b > 0.0 {
        (a, b) = (b, a % b);
    }
    a
}

impl ByteWeights {
    /// The couplings of `problem`, if all are multiples, exactly, of a number of
    /// which none is more than 127 times as large, and no local field more than
    /// 32767 times.
    ///
    /// ```
    /// use ebm_optim::{Ising, forms::ByteWeights};
    /// let chain = Ising::from_couplings(3, &[(0, 1, 7.5), (1, 2, -5.0)])?;
    /// let weights = ByteWeights::new(&chain).expect("multiples of 2.5");
    /// assert_eq!(weights.neighbors(1), (&[0, 2][..], &[3, -2][..]));
    /// assert_eq!((weights.sum(&[1, 1, -1], 1), weights.unit()), (5, 2.5));
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    #[must_use]
    pub fn new(problem: &Ising) -> Option<Self> {
        let n = problem.spins();
        let row = |i: usize| {
            let (columns, weights) = problem.couplings().neighbors(i);
            columns.iter().zip(weights).filter(|(_, w)| **w != 0.0)
        };
        let most = f64::from(i8::MAX);
        let (mut unit, mut largest) = (0.0, 0.0_f64);
        for (_, w) in (0..n).flat_map(row) {
            unit = common_divisor(w.abs(), unit);
            largest = largest.max(w.abs());
            if largest > most * unit {
                return None;
            }
        }
        let unit = if unit > 0.0 { unit } else { 1.0 };
        let rows = (0..n).map(|i| row(i).map(|(j, w)| (*j, (w / unit) as i8)));
        let new = Self::from_rows(rows, unit);
        (new.largest_sum <= i16::MAX as usize).then_some(new)
    }

    fn from_rows(rows: impl Iterator<Item = impl Iterator<Item = (u32, i8)>>, unit: f64) -> Self {
        let (columns, weights) = (vec![], vec![]);
        let mut new =
            Self { rows: vec![0], pieces: vec![0], columns, weights, unit, largest_sum: 0 };
        for row in rows {
            let (mut piece, mut total) = (0, 0);
            for (j, w) in row {
                let magnitude = usize::from(w.unsigned_abs());
                if piece + magnitude > i8::MAX as usize {
                    new.pieces.push(new.columns.len() as u32);
                    piece = 0;
                }
                piece += magnitude;
                total += magnitude;
                new.columns.push(j);
                new.weights.push(w);
            }
            if piece > 0 {
                new.pieces.push(new.columns.len() as u32);
            }
            new.rows.push(new.pieces.len() as u32 - 1);
            new.largest_sum = new.largest_sum.max(total);
        }
        new
    }

    /// The same couplings with the spins in another order: spin `order[k]`
    /// becomes spin `k`.
    pub(crate) fn reordered(&self, order: &[u32]) -> Self {
        let mut place = vec![0; order.len()];
        for (k, &i) in order.iter().enumerate() {
            place[i as usize] = k as u32;
        }
        let rows = order.iter().map(|&i| {
            let (columns, weights) = self.neighbors(i as usize);
            let placed = columns.iter().map(|&j| place[j as usize]).zip(weights.iter().copied());
            let mut row: Vec<_> = placed.collect();
            row.sort_unstable();
            row.into_iter()
        });
        Self::from_rows(rows, self.unit)
    }

    /// Number of spins.
    #[must_use]
    pub fn spins(&self) -> usize {
        self.rows.len() - 1
    }

    /// `u`; one if there are no couplings.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// The largest `Σⱼ |wᵢⱼ|`: no sum is larger in magnitude.
    #[must_use]
    pub fn largest_sum(&self) -> usize {
        self.largest_sum
    }

    /// Spins that spin `i` is coupled to, and the weights.
    ///
    /// # Panics
    /// If `i` is not below the number of spins, as slice indexing does.
    #[must_use]
    pub fn neighbors(&self, i: usize) -> (&[u32], &[i8]) {
        let [start, end] = [i, i + 1].map(|i| self.pieces[self.rows[i] as usize] as usize);
        (&self.columns[start..end], &self.weights[start..end])
    }

    /// `(J s)ᵢ / u`.
    ///
    /// # Panics
    /// As [`neighbors`](Self::neighbors), and if there are too few spins.
    #[must_use]
    pub fn sum(&self, spins: &[i8], i: usize) -> i32 {
        let (columns, weights) = self.neighbors(i);
        let terms = columns.iter().zip(weights);
        terms.map(|(&j, &w)| i32::from(w) * i32::from(spins[j as usize])).sum()
    }

    /// `(J s)ᵢ / u` of 64 replicas, for the spins of `rows`.
    ///
    /// # Panics
    /// If `signs` is not one entry a spin, `rows` reaches beyond the last spin
    /// or `out` is not as long as `rows`.
    pub fn sums(&self, level: Level, signs: &[Signs], rows: Range<usize>, out: &mut [Sums]) {
        assert_eq!(signs.len(), self.spins(), "signs: one entry a spin");
        assert_eq!(out.len(), rows.len(), "sums: as long as the rows");
        let Self { pieces, columns, weights, .. } = self;
        let lists = Lists { rows: &self.rows[rows.start..=rows.end], pieces, columns, weights };
        // SAFETY: the columns are spins of the problem that the form was built
        // from, and `signs` has an entry for each of those.
        #[allow(unsafe_code)]
        unsafe {
            weighted_sums::rows(level, lists, signs, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forms::LANES;
    use ebm_core::random::stream;
    use rand::RngExt;

    fn weighted(n: usize, density: f64, most: i32, unit: f64) -> Ising {
        let mut rng = stream(n as u64, 0);
        let mut couplings = vec![];
        for i in 0..n {
            for j in i + 1..n {
                let w = f64::from(rng.random_range(-most..=most));
                if (i > 0 || j + 2 < n) && rng.random::<f64>() < density {
                    couplings.push((i, j, unit * w));
                }
            }
        }
        // The unit and the largest weight are there, zero is too.
        couplings.extend([(0, n - 2, unit), (0, n - 1, unit * f64::from(most))]);
        Ising::from_couplings(n, &couplings).unwrap()
    }

    #[test]
    fn sums_are_those_of_the_couplings() {
        for (n, density, most) in [(3, 0.0, 127), (40, 0.2, 3), (200, 1.0, 10), (100, 1.0, 60)] {
            let problem = weighted(n, density, most, 0.75);
            let weights = ByteWeights::new(&problem).unwrap();
            assert_eq!(weights.unit(), 0.75);
            let mut rng = stream(5, n as u64);
            let mut order: Vec<u32> = (0..n as u32).collect();
            order.sort_by_cached_key(|_| rng.random::<u64>());
            let reordered = weights.reordered(&order);
            let mut draw = |_| Signs(std::array::from_fn(|_| if rng.random() { 1 } else { -1 }));
            let signs: Vec<Signs> = (0..n).map(&mut draw).collect();
            let moved: Vec<Signs> = order.iter().map(|&i| signs[i as usize]).collect();
            for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
                let mut out = vec![Sums([7; LANES]); n];
                let (head, tail) = out.split_at_mut(n / 3);
                weights.sums(level, &signs, 0..n / 3, head);
                weights.sums(level, &signs, n / 3..n, tail);
                for lane in 0..LANES {
                    let spins: Vec<i8> = signs.iter().map(|s| s.0[lane]).collect();
                    for (i, out) in out.iter().enumerate() {
                        let expected = problem.local_field(&spins, i).unwrap() / 0.75;
                        assert_eq!(f64::from(out.0[lane]), expected, "{level:?} {n} {i}");
                        assert_eq!(f64::from(weights.sum(&spins, i)), expected);
                    }
                }
                let mut again = vec![Sums::ZERO; n];
                reordered.sums(level, &moved, 0..n, &mut again);
                for (k, &i) in order.iter().enumerate() {
                    assert!(again[k] == out[i as usize]);
                }
            }
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let with = |w: f64| Ising::from_couplings(3, &[(0, 1, 1.0), (1, 2, w)]).unwrap();
        for w in [-127.0, 0.25, 0.0, 1.5] {
            assert!(ByteWeights::new(&with(w)).is_some(), "{w}");
        }
        for w in [128.0, 0.1, std::f64::consts::PI, 1e300, 1e-300] {
            assert!(ByteWeights::new(&with(w)).is_none(), "{w}");
        }
        // A row whose sum words do not hold.
        let star = |n: usize| {
            let spokes: Vec<_> = (1..n).map(|j| (0, j, if j == 1 { 1.0 } else { 127.0 })).collect();
            ByteWeights::new(&Ising::from_couplings(n, &spokes).unwrap())
        };
        assert_eq!(star(260).map(|w| w.largest_sum()), Some(258 * 127 + 1));
        assert!(star(261).is_none());
        let free = ByteWeights::new(&Ising::from_couplings(4, &[]).unwrap()).unwrap();
        assert_eq!((free.unit(), free.largest_sum()), (1.0, 0));
    }
}
