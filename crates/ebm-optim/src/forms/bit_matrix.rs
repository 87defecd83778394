//! Dense couplings of one magnitude: one bit a coupling.
//!
//! ```text
//! (J s)ᵢ = u (n − 1 − 2 |{j ≠ i : bit(Jᵢⱼ) ≠ bit(sⱼ)}|),      Jᵢⱼ = ±u for i ≠ j
//! ```
//!
//! A row of 2000 couplings is 250 bytes; the whole matrix stays in the cache.
//! One state is a row of bits too, and a local field an exclusive or and a count
//! of bits. Batches of 64 states go through tables of partial sums instead, the
//! method of four Russians: V. L. Arlazarov, E. A. Dinic, M. A. Kronrod,
//! I. A. Faradžev, Dokl. Akad. Nauk SSSR 194, 487 (1970).

use ebm_core::vector_math::Level;

use super::lanes::{Signs, Sums};
use crate::Ising;
use crate::kernels::sign_tables::{self, GROUPS, PASS, Patterns, Tables, WIDTH};

/// Couplings between all pairs of spins, each `+u` or `−u`.
#[derive(Debug, Clone, PartialEq)]
pub struct BitMatrix {
    spins: usize,
    unit: f64,
    words: usize,
    /// Row `i` is `words` words; bit `j` is set where `Jᵢⱼ = +u`. Bit `i` of row
    /// `i` and those beyond the last spin are not.
    bits: Vec<u64>,
}

impl BitMatrix {
    /// The couplings of `problem`, if every pair of spins is coupled, all with
    /// one magnitude.
    ///
    /// ```
    /// use ebm_optim::{Ising, forms::BitMatrix};
    /// let triangle = Ising::from_couplings(3, &[(0, 1, 0.5), (0, 2, -0.5), (1, 2, -0.5)])?;
    /// let bits = BitMatrix::new(&triangle).expect("complete, of one magnitude");
    /// let state = bits.pack(&[1, 1, -1]);
    /// assert_eq!((bits.sum(&state, 0), bits.sum(&state, 2)), (2, -2));
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    #[must_use]
    pub fn new(problem: &Ising) -> Option<Self> {
        let n = problem.spins();
        let unit = problem.couplings().neighbors(0).1.first()?.abs();
        if n > i16::MAX as usize || unit == 0.0 {
            return None;
        }
        let words = n.div_ceil(64);
        let complete = |i: usize| {
            let (neighbors, weights) = problem.couplings().neighbors(i);
            neighbors.len() == n - 1 && weights.iter().all(|w| w.abs() == unit)
        };
        if !(0..n).all(complete) {
            return None;
        }
        let mut bits = vec![0; n * words];
        for (i, row) in bits.chunks_exact_mut(words).enumerate() {
            let (neighbors, weights) = problem.couplings().neighbors(i);
            for (&j, w) in neighbors.iter().zip(weights) {
                row[j as usize / 64] |= u64::from(*w > 0.0) << (j % 64);
            }
        }
        Some(Self { spins: n, unit, words, bits })
    }

    /// Number of spins.
    #[must_use]
    pub fn spins(&self) -> usize {
        self.spins
    }

    /// `u`.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// The signs of row `i`, bit `j` set where `Jᵢⱼ = +u`.
    ///
    /// # Panics
    /// If `i` is not below the number of spins, as slice indexing does.
    #[must_use]
    pub fn row(&self, i: usize) -> &[u64] {
        &self.bits[i * self.words..(i + 1) * self.words]
    }

    /// A state as bits, set where the spin is positive.
    #[must_use]
    pub fn pack(&self, spins: &[i8]) -> Vec<u64> {
        let word = |spins: &[i8]| {
            spins.iter().enumerate().fold(0, |word, (k, s)| word | u64::from(*s > 0) << k)
        };
        spins.chunks(64).map(word).collect()
    }

    /// `(J s)ᵢ / u` of a [packed](Self::pack) state.
    ///
    /// # Panics
    /// As [`row`](Self::row), and if the state has another number of words.
    #[must_use]
    pub fn sum(&self, state: &[u64], i: usize) -> i32 {
        assert_eq!(state.len(), self.words, "state: as many words as a row");
        let differing: u32 =
            self.row(i).iter().zip(state).map(|(row, state)| (row ^ state).count_ones()).sum();
        // Bit i of the row is not set: it differs where spin i is up.
        let own = (state[i / 64] >> (i % 64) & 1) as i32;
        self.spins as i32 - 1 - 2 * (differing as i32 - own)
    }

    /// One-flip descent of `spins`, given their local fields in units of `u`
    /// and keeping them so; returns the change of the energy in units of `u`.
    ///
    /// # Panics
    /// If there are fewer spins or fields than rows.
    pub(crate) fn descend(&self, spins: &mut [i8], fields: &mut [i32]) -> i64 {
        let mut change = 0;
        loop {
            let before = change;
            for i in 0..self.spins {
                let s = i32::from(spins[i]);
                if s * fields[i] >= 0 {
                    continue;
                }
                change += 2 * i64::from(s * fields[i]);
                spins[i] = -spins[i];
                for (fields, word) in fields.chunks_mut(64).zip(self.row(i)) {
                    for (bit, field) in fields.iter_mut().enumerate() {
                        // −2 s J, where J is ±1 by the bit.
                        *field -= 2 * s * (2 * (word >> bit & 1) as i32 - 1);
                    }
                }
                // The diagonal is zero, not the −1 of its bit.
                fields[i] -= 2 * s;
            }
            if change == before {
                return change;
            }
        }
    }

    /// The same couplings, ready for batches.
    #[must_use]
    pub fn tabulated(&self) -> SignTables {
        let passes = self.spins.div_ceil(PASS);
        let bit = |i: usize, j: usize| j < self.spins && self.row(i)[j / 64] >> (j % 64) & 1 == 1;
        let mut patterns = Vec::with_capacity(passes * self.spins);
        for pass in 0..passes {
            for i in 0..self.spins {
                patterns.push(std::array::from_fn(|group| {
                    let first = pass * PASS + group * WIDTH;
                    (0..WIDTH).fold(0, |p, k| p | u8::from(bit(i, first + k)) << k)
                }));
            }
        }
        SignTables { spins: self.spins, patterns }
    }
}

/// The couplings of a [`BitMatrix`] as patterns of a few signs, which select
/// partial sums from tables.
#[derive(Debug, Clone, PartialEq)]
pub struct SignTables {
    spins: usize,
    /// By passes, then rows.
    patterns: Vec<Patterns>,
}

/// Room for the tables of one pass.
#[derive(Debug, Clone)]
pub struct TableSpace(Vec<Tables>);

impl Default for TableSpace {
    fn default() -> Self {
        Self(vec![[sign_tables::EMPTY; GROUPS]])
    }
}

impl SignTables {
    /// `(J s)ᵢ / u` of 64 replicas, for all spins.
    ///
    /// # Panics
    /// If `signs` or `out` is not one entry a spin.
    pub fn sums(&self, level: Level, signs: &[Signs], out: &mut [Sums], space: &mut TableSpace) {
        assert_eq!(signs.len(), self.spins, "signs: one entry a spin");
        assert_eq!(out.len(), self.spins, "sums: one entry a spin");
        // The diagonal counts as −1 in the patterns.
        for (out, s) in out.iter_mut().zip(signs) {
            out.0 = s.0.map(i16::from);
        }
        let passes = self.patterns.chunks_exact(self.spins);
        for (signs, patterns) in signs.chunks(PASS).zip(passes) {
            for tables in &mut space.0 {
                sign_tables::pass(level, patterns, signs, tables, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forms::LANES;
    use ebm_core::random::stream;
    use rand::RngExt;

    fn complete(n: usize, unit: f64) -> Ising {
        let mut rng = stream(n as u64, 0);
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        let pairs: Vec<_> =
            pairs.map(|(i, j)| (i, j, if rng.random() { unit } else { -unit })).collect();
        Ising::from_couplings(n, &pairs).unwrap()
    }

    #[test]
    fn sums_are_those_of_the_couplings() {
        for n in [2, 3, 5, 59, 60, 61, 64, 65, 130, 300] {
            let problem = complete(n, 0.25);
            let bits = BitMatrix::new(&problem).unwrap();
            let tables = bits.tabulated();
            let mut rng = stream(5, n as u64);
            let mut draw = |_| Signs(std::array::from_fn(|_| if rng.random() { 1 } else { -1 }));
            let signs: Vec<Signs> = (0..n).map(&mut draw).collect();
            let mut expected = vec![Sums::ZERO; n];
            for lane in 0..LANES {
                let spins: Vec<i8> = signs.iter().map(|s| s.0[lane]).collect();
                let state = bits.pack(&spins);
                for (i, expected) in expected.iter_mut().enumerate() {
                    expected.0[lane] = bits.sum(&state, i) as i16;
                    let field = problem.local_field(&spins, i).unwrap();
                    assert_eq!(f64::from(bits.sum(&state, i)) * bits.unit(), field);
                }
            }
            for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
                let mut out = vec![Sums([7; LANES]); n];
                tables.sums(level, &signs, &mut out, &mut TableSpace::default());
                assert!(out == expected, "{level:?} {n}");
            }
        }
    }

    #[test]
    fn descends_to_a_local_optimum() {
        let n = 130;
        let problem = complete(n, 1.0);
        let bits = BitMatrix::new(&problem).unwrap();
        let mut rng = stream(8, 0);
        let mut spins: Vec<i8> = (0..n).map(|_| if rng.random() { 1 } else { -1 }).collect();
        let state = bits.pack(&spins);
        let mut fields: Vec<i32> = (0..n).map(|i| bits.sum(&state, i)).collect();
        let before = problem.energy(&spins).unwrap();
        let change = bits.descend(&mut spins, &mut fields);
        assert!(change < 0);
        assert_eq!(problem.energy(&spins).unwrap(), before + change as f64);
        for (i, field) in fields.iter().enumerate() {
            assert_eq!(problem.local_field(&spins, i).unwrap(), f64::from(*field));
            assert!(problem.flip_delta(&spins, i).unwrap() >= 0.0);
        }
    }

    #[test]
    fn refuses_other_couplings() {
        let with =
            |w: f64| Ising::from_couplings(3, &[(0, 1, 1.0), (1, 2, w), (0, 2, 1.0)]).unwrap();
        assert!(BitMatrix::new(&with(-1.0)).is_some());
        assert!(BitMatrix::new(&with(2.0)).is_none());
        assert!(BitMatrix::new(&with(0.0)).is_none());
        assert!(BitMatrix::new(&Ising::from_couplings(1, &[]).unwrap()).is_none());
        let path = Ising::from_couplings(3, &[(0, 1, 1.0), (1, 2, 1.0)]).unwrap();
        assert!(BitMatrix::new(&path).is_none());
    }
}
