//! Sparse couplings of one magnitude: each row split by sign.
//!
//! ```text
//! (J s)ᵢ = u (Σ_{j ∈ P(i)} sⱼ − Σ_{j ∈ N(i)} sⱼ),      Jᵢⱼ ∈ {−u, 0, +u}
//! ```
//!
//! No weights are stored or multiplied: spins are bytes, added or subtracted 64
//! replicas at a time. Bytes hold the sums of 127 neighbors; longer rows are
//! summed in pieces. Discretized couplings of this kind are those of discrete
//! simulated bifurcation, DOI 10.1126/sciadv.abe7953.

use std::ops::Range;

use ebm_core::vector_math::Level;

use super::lanes::{LANES, Signs, Sums};
use crate::Ising;
use crate::kernels::byte_bifurcation::{self, Rows, Run};
use crate::kernels::half_bytes::{self, HalfBytes};
use crate::kernels::sign_sums::{self, Lists};

/// Couplings that are all `+u` or `−u`, by rows.
#[derive(Debug, Clone, PartialEq)]
pub struct SignSplit {
    /// Row `i` has its positive neighbors from `starts[2i]`, its negative ones
    /// from `starts[2i + 1]`, up to `starts[2i + 2]`; both lists increase.
    starts: Vec<u32>,
    columns: Vec<u32>,
    /// The columns in half the memory, where they are to be read often and have no
    /// more than 16 bits; else empty.
    short: Vec<u16>,
    unit: f64,
    largest_degree: usize,
}

impl SignSplit {
    /// The couplings of `problem`, if all that are not zero have one magnitude
    /// and no spin has more than 32767 neighbors.
    ///
    /// ```
    /// use ebm_optim::{Ising, forms::SignSplit};
    /// let chain = Ising::from_couplings(3, &[(0, 1, 2.5), (1, 2, -2.5)])?;
    /// let split = SignSplit::new(&chain).expect("one magnitude");
    /// assert_eq!(split.neighbors(1), (&[0][..], &[2][..]));
    /// assert_eq!((split.sum(&[1, 1, -1], 1), split.unit()), (2, 2.5));
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    #[must_use]
    pub fn new(problem: &Ising) -> Option<Self> {
        let n = problem.spins();
        let (mut starts, mut columns) = (vec![0], vec![]);
        let mut unit = None;
        let mut largest_degree = 0;
        for i in 0..n {
            let (neighbors, weights) = problem.couplings().neighbors(i);
            let first = columns.len();
            for positive in [true, false] {
                for (&j, &w) in neighbors.iter().zip(weights) {
                    if w == 0.0 || (w > 0.0) != positive {
                        continue;
                    }
                    if *unit.get_or_insert(w.abs()) != w.abs() {
                        return None;
                    }
                    columns.push(j);
                }
                starts.push(columns.len() as u32);
            }
            largest_degree = largest_degree.max(columns.len() - first);
        }
        let unit = unit.unwrap_or(1.0);
        (largest_degree <= i16::MAX as usize).then_some(Self {
            starts,
            columns,
            short: vec![],
            unit,
            largest_degree,
        })
    }

    /// The same couplings with the spins in another order: spin `order[k]`
    /// becomes spin `k`.
    pub(crate) fn reordered(&self, order: &[u32]) -> Self {
        let mut place = vec![0; order.len()];
        for (k, &i) in order.iter().enumerate() {
            place[i as usize] = k as u32;
        }
        let (mut starts, mut columns) = (vec![0], Vec::with_capacity(self.columns.len()));
        for &i in order {
            let (positive, negative) = self.neighbors(i as usize);
            for list in [positive, negative] {
                let first = columns.len();
                columns.extend(list.iter().map(|&j| place[j as usize]));
                columns[first..].sort_unstable();
                starts.push(columns.len() as u32);
            }
        }
        let fit = order.len() <= 1 << 16;
        let short = columns.iter().filter(|_| fit).map(|&j| j as u16).collect();
        Self { starts, columns, short, ..*self }
    }

    /// Number of spins.
    #[must_use]
    pub fn spins(&self) -> usize {
        self.starts.len() / 2
    }

    /// `u`; one if there are no couplings.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// The largest number of neighbors of a spin: no sum is larger in magnitude.
    #[must_use]
    pub fn largest_degree(&self) -> usize {
        self.largest_degree
    }

    /// Spins that spin `i` is coupled to by `+u`, and those by `−u`.
    ///
    /// # Panics
    /// If `i` is not below the number of spins, as slice indexing does.
    #[must_use]
    pub fn neighbors(&self, i: usize) -> (&[u32], &[u32]) {
        let [start, middle, end] = [0, 1, 2].map(|k| self.starts[2 * i + k] as usize);
        (&self.columns[start..middle], &self.columns[middle..end])
    }

    /// `(J s)ᵢ / u`.
    ///
    /// # Panics
    /// As [`neighbors`](Self::neighbors), and if there are too few spins.
    #[must_use]
    pub fn sum(&self, spins: &[i8], i: usize) -> i32 {
        let (positive, negative) = self.neighbors(i);
        let total = |list: &[u32]| list.iter().map(|&j| i32::from(spins[j as usize])).sum::<i32>();
        total(positive) - total(negative)
    }

    /// `(J s)ᵢ / u` of 64 replicas, for the spins of `rows`.
    ///
    /// # Panics
    /// If `signs` is not one entry a spin, `rows` reaches beyond the last spin
    /// or `out` is not as long as `rows`.
    pub fn sums(&self, level: Level, signs: &[Signs], rows: Range<usize>, out: &mut [Sums]) {
        assert_eq!(signs.len(), self.spins(), "signs: one entry a spin");
        assert_eq!(out.len(), rows.len(), "sums: as long as the rows");
        let starts = &self.starts[2 * rows.start..=2 * rows.end];
        let lists = Lists { starts, columns: &self.columns };
        // SAFETY: the columns are spins of the problem that the form was built
        // from, and `signs` has an entry for each of those.
        #[allow(unsafe_code)]
        unsafe {
            sign_sums::rows(level, lists, signs, out);
        }
    }

    /// Where the couplings of each row to later spins begin in both of its lists,
    /// which increase: each coupling is there once.
    pub(crate) fn later(&self) -> Vec<u32> {
        let mut firsts = Vec::with_capacity(2 * self.spins());
        for i in 0..self.spins() {
            let (positive, negative) = self.neighbors(i);
            for (k, list) in [positive, negative].into_iter().enumerate() {
                let before = list.partition_point(|&j| j as usize <= i) as u32;
                firsts.push(self.starts[2 * i + k] + before);
            }
        }
        firsts
    }

    /// How many couplings each of 64 replicas [violates](half_bytes), with
    /// `later` those of [`later`](Self::later).
    ///
    /// # Panics
    /// If `signs` is not one entry a spin, or a spin has more than 255 neighbors.
    pub(crate) fn violations(
        &self,
        level: Level,
        later: &[u32],
        signs: &[HalfBytes],
        out: &mut [u32; LANES],
    ) {
        assert_eq!(signs.len(), self.spins(), "signs: one entry a spin");
        let lists = Lists { starts: &self.starts, columns: &self.columns };
        // SAFETY: as in `sums`.
        #[allow(unsafe_code)]
        unsafe {
            half_bytes::violations(level, lists, later, signs, out);
        }
    }

    /// Number of couplings.
    pub(crate) fn couplings(&self) -> usize {
        self.columns.len() / 2
    }

    /// Rows of equal lengths, for [`bifurcate`](Self::bifurcate).
    pub(crate) fn runs(&self) -> Vec<Run> {
        byte_bifurcation::runs(&self.starts)
    }

    /// One [step](byte_bifurcation) of discrete bifurcation from `signs`, with
    /// `runs` those of [`runs`](Self::runs).
    ///
    /// # Panics
    /// If anything is not one entry a spin, or a spin has more than 127
    /// neighbors.
    pub(crate) fn bifurcate(
        &self,
        level: Level,
        runs: &[Run],
        signs: &[HalfBytes],
        factors: byte_bifurcation::Factors<'_>,
        spins: byte_bifurcation::Spins<'_>,
    ) {
        assert_eq!(signs.len(), self.spins(), "signs: one entry a spin");
        assert!(self.largest_degree <= i8::MAX as usize, "sums: within a byte");
        let Self { columns, short, .. } = self;
        // SAFETY: as in `sums`, also for the short columns, which are the same; no
        // row is longer than the longest.
        #[allow(unsafe_code)]
        unsafe {
            if short.len() == columns.len() {
                byte_bifurcation::step(level, Rows { runs, columns: short }, signs, factors, spins);
            } else {
                byte_bifurcation::step(level, Rows { runs, columns }, signs, factors, spins);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_core::random::stream;
    use rand::RngExt;

    /// A hub with `n − 1` neighbors, and random couplings besides.
    fn hub(n: usize, density: f64, seed: u64) -> Ising {
        let mut rng = stream(seed, 0);
        let mut couplings = vec![];
        for i in 0..n {
            for j in i + 1..n {
                if i == 0 || rng.random::<f64>() < density {
                    couplings.push((i, j, if rng.random() { 0.75 } else { -0.75 }));
                }
            }
        }
        Ising::from_couplings(n, &couplings).unwrap()
    }

    #[test]
    fn sums_are_those_of_the_couplings() {
        for (n, density) in [(1, 0.0), (2, 1.0), (40, 0.2), (300, 0.05), (300, 1.0)] {
            let problem = hub(n, density, n as u64);
            let split = SignSplit::new(&problem).unwrap();
            let mut rng = stream(5, n as u64);
            let mut draw = |_| Signs(std::array::from_fn(|_| if rng.random() { 1 } else { -1 }));
            let signs: Vec<Signs> = (0..n).map(&mut draw).collect();
            for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
                let mut out = vec![Sums([7; LANES]); n];
                let (head, tail) = out.split_at_mut(n / 3);
                split.sums(level, &signs, 0..n / 3, head);
                split.sums(level, &signs, n / 3..n, tail);
                for lane in 0..LANES {
                    let spins: Vec<i8> = signs.iter().map(|s| s.0[lane]).collect();
                    for (i, out) in out.iter().enumerate() {
                        let expected = problem.local_field(&spins, i).unwrap() / split.unit();
                        assert_eq!(f64::from(out.0[lane]), expected, "{level:?} {n} {i}");
                        assert_eq!(f64::from(split.sum(&spins, i)), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn refuses_other_couplings() {
        let with = |w: f64| Ising::from_couplings(3, &[(0, 1, 1.0), (1, 2, w)]).unwrap();
        assert!(SignSplit::new(&with(2.0)).is_none());
        assert!(SignSplit::new(&with(-1.0)).is_some());
        assert_eq!(SignSplit::new(&with(0.0)).unwrap().neighbors(2).1.len(), 0);
        let hub: Vec<_> = (1..=32_768).map(|j| (0, j, 1.0)).collect();
        assert!(SignSplit::new(&Ising::from_couplings(32_769, &hub).unwrap()).is_none());
        let free = Ising::from_couplings(4, &[]).unwrap();
        assert_eq!(SignSplit::new(&free).unwrap().unit(), 1.0);
    }
}
