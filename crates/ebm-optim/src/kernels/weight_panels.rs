//! Sweeps over any dense couplings in single precision.
//!
//! ```text
//! F_j += Σ_{i ∈ P} Jⱼᵢ dᵢ
//! ```
//!
//! for a panel `P` of 64 columns, a few rows at a time, so that sums stay in
//! registers. Products are added in one order and rounded one by one: every
//! [`Level`] gives the same bits.
#![allow(unsafe_code)]

use ebm_core::vector_math::Level;
use ebm_core::vector_math::kernel::{Kernel, run};

use super::dense::{Cells, Update};
use crate::Ising;

/// Columns in a panel.
const COLUMNS: usize = 64;

/// A row of a panel.
type Row = [f32; COLUMNS];

/// Couplings by panels of columns.
#[derive(Debug)]
pub(crate) struct WeightPanels {
    nodes: usize,
    strength: f64,
    /// By panels, then rows.
    rows: Vec<Row>,
}

impl WeightPanels {
    /// Share of pairs that are coupled from which on panels are faster than
    /// rows.
    pub(crate) const LEAST_DENSITY: f64 = 0.4;

    /// The couplings of `problem` times `strength`.
    pub(crate) fn new(problem: &Ising, strength: f64) -> Self {
        let n = problem.spins();
        let mut rows = vec![[0.0; COLUMNS]; n.div_ceil(COLUMNS) * n];
        for i in 0..n {
            let (neighbors, weights) = problem.couplings().neighbors(i);
            for (&j, w) in neighbors.iter().zip(weights) {
                let j = j as usize;
                rows[j / COLUMNS * n + i][j % COLUMNS] = (strength * w) as f32;
            }
        }
        Self { nodes: n, strength, rows }
    }

    pub(crate) fn largest(&self) -> f32 {
        self.rows.as_flattened().iter().fold(0.0, |m: f32, w| m.max(w.abs()))
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes
    }

    pub(crate) fn panels(&self) -> usize {
        self.nodes.div_ceil(COLUMNS)
    }

    /// As [`Dense::sweep`](super::dense::Dense::sweep).
    pub(crate) fn sweep<const W: usize>(
        &self,
        level: Level,
        panel: usize,
        forces: &mut WeightForces<W>,
        update: &mut impl Update<W>,
    ) {
        let n = self.nodes;
        assert!(forces.sums.len() == n && forces.seen.len() == n);
        let rows = &self.rows[panel * n..(panel + 1) * n];
        run(level, Sweep { rows, first: panel * COLUMNS, forces, update });
        if let Some(changes) = forces.changes.first_chunk() {
            spread(level, rows, changes, &mut forces.sums);
        }
    }
}

impl WeightPanels {
    /// `Σⱼ Jᵢⱼ xⱼ` of a lane.
    pub(crate) fn field<const W: usize>(
        &self,
        forces: &WeightForces<W>,
        lane: usize,
        i: usize,
    ) -> f64 {
        f64::from(forces.sums[i].0[lane]) / self.strength
    }

    /// How far [`field`](Self::field) and [`sum`](Self::sum) of spins may be off
    /// in a row whose magnitudes add up to `total`, in the units of the problem:
    /// by the rounding of each of so many weights, products and sums, and by what
    /// single precision does not resolve.
    pub(crate) fn rounding(&self, total: f64) -> f64 {
        let roundings = (COLUMNS + self.panels() + 2) as f64;
        let least = self.nodes as f64 * f64::from(f32::MIN_POSITIVE) / self.strength;
        roundings * f64::from(f32::EPSILON) * (total + least)
    }

    /// A state with all spins zero.
    pub(crate) fn state(&self) -> Vec<f32> {
        vec![0.0; self.panels() * COLUMNS]
    }

    /// `Σⱼ Jᵢⱼ sⱼ`.
    pub(crate) fn sum(&self, state: &[f32], i: usize) -> f64 {
        let rows = self.rows[i..].iter().step_by(self.nodes);
        let dot = |(row, spins): (&Row, &Row)| {
            let mut sums = [0.0; 8];
            for (row, spins) in row.as_chunks::<8>().0.iter().zip(spins.as_chunks::<8>().0) {
                for lane in 0..8 {
                    sums[lane] += row[lane] * spins[lane];
                }
            }
            f64::from(sums.iter().sum::<f32>())
        };
        let spins = state.as_chunks::<COLUMNS>().0;
        rows.zip(spins).map(dot).sum::<f64>() / self.strength
    }
}

/// The forces of states in single precision. They drift by rounding, a few units
/// in the last place a sweep.
#[derive(Debug)]
pub(crate) struct WeightForces<const W: usize> {
    seen: Vec<Cells<f32, W>>,
    sums: Vec<Cells<f32, W>>,
    /// Of one panel.
    changes: Vec<Cells<f32, W>>,
    near: Vec<Cells<f32, W>>,
}

impl<const W: usize> WeightForces<W> {
    pub(crate) fn new(couplings: &WeightPanels) -> Self {
        let zeros = |count: usize| vec![Cells([0.0; W]); count];
        let n = couplings.nodes;
        Self { seen: zeros(n), sums: zeros(n), changes: zeros(COLUMNS), near: zeros(COLUMNS) }
    }

    pub(crate) fn clear(&mut self) {
        self.seen.fill(Cells([0.0; W]));
        self.sums.fill(Cells([0.0; W]));
    }

    pub(crate) fn at(&self, i: usize) -> [f32; W] {
        self.sums[i].0
    }
}

struct Sweep<'a, const W: usize, U> {
    rows: &'a [Row],
    /// The first column of the panel.
    first: usize,
    forces: &'a mut WeightForces<W>,
    update: &'a mut U,
}

impl<const W: usize, U: Update<W>> Kernel for Sweep<'_, W, U> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { rows, first, forces, update } = self;
        let WeightForces { seen, sums, changes, near } = forces;
        let count = COLUMNS.min(sums.len() - first);
        let near = &mut near[..count];
        near.copy_from_slice(&sums[first..first + count]);
        changes.fill(Cells([0.0; W]));
        for at in 0..count {
            let i = first + at;
            let state = update.update(i, &near[at].0);
            let mut change = [0.0; W];
            for lane in 0..W {
                change[lane] = state[lane] - seen[i].0[lane];
            }
            (seen[i], changes[at]) = (Cells(state), Cells(change));
            for (near, row) in near.iter_mut().zip(&rows[first..]).skip(at + 1) {
                for (near, change) in near.0.iter_mut().zip(&change) {
                    *near += row[at] * change;
                }
            }
        }
    }
}

/// Adds to the sums of each row its couplings times the changes.
fn spread<const W: usize>(
    level: Level,
    rows: &[Row],
    changes: &[Cells<f32, W>; COLUMNS],
    sums: &mut [Cells<f32, W>],
) {
    #[cfg(target_arch = "x86_64")]
    if level.or_best() >= Level::Avx2 {
        // Sixty-four sums are eight registers, which leaves enough for the
        // factors.
        let done = match W / avx2::LANES {
            // SAFETY: the machine has AVX2, and cells have so many vectors.
            2 => unsafe { avx2::spread::<4, 2, W>(rows, changes, sums) },
            // SAFETY: as above.
            4 => unsafe { avx2::spread::<2, 4, W>(rows, changes, sums) },
            _ => 0,
        };
        run(level, Spread { rows: &rows[done..], changes, sums: &mut sums[done..] });
        return;
    }
    run(level, Spread { rows, changes, sums });
}

/// [`spread`] on any machine.
struct Spread<'a, const W: usize> {
    rows: &'a [Row],
    changes: &'a [Cells<f32, W>; COLUMNS],
    sums: &'a mut [Cells<f32, W>],
}

impl<const W: usize> Kernel for Spread<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (sums, row) in self.sums.iter_mut().zip(self.rows) {
            let mut panel = [0.0; W];
            for (change, weight) in self.changes.iter().zip(row) {
                for (panel, change) in panel.iter_mut().zip(&change.0) {
                    *panel += weight * change;
                }
            }
            for (sum, panel) in sums.0.iter_mut().zip(&panel) {
                *sum += panel;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        _mm256_add_ps, _mm256_load_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_setzero_ps,
        _mm256_store_ps,
    };

    use super::{COLUMNS, Cells, Row};

    /// Numbers of a vector.
    pub(super) const LANES: usize = 8;

    /// [`super::Spread`], `R` rows at a time; returns the number of rows, less
    /// than `R` of which are left.
    ///
    /// # Safety
    /// The machine has AVX2, and `W` is `V` times [`LANES`].
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn spread<const R: usize, const V: usize, const W: usize>(
        rows: &[Row],
        changes: &[Cells<f32, W>; COLUMNS],
        sums: &mut [Cells<f32, W>],
    ) -> usize {
        let (rows, _) = rows.as_chunks::<R>();
        for (rows, sums) in rows.iter().zip(sums.as_chunks_mut::<R>().0) {
            let mut panel = [[_mm256_setzero_ps(); V]; R];
            for (k, change) in changes.iter().enumerate() {
                let change = change.0.as_ptr();
                for (panel, row) in panel.iter_mut().zip(rows) {
                    let weight = _mm256_set1_ps(row[k]);
                    for (v, sum) in panel.iter_mut().enumerate() {
                        // SAFETY: a cell is `V` vectors, aligned to 64 bytes.
                        let x = unsafe { _mm256_load_ps(change.add(v * LANES)) };
                        *sum = _mm256_add_ps(*sum, _mm256_mul_ps(weight, x));
                    }
                }
            }
            for (sums, panel) in sums.iter_mut().zip(panel) {
                let sums = sums.0.as_mut_ptr();
                for (v, panel) in panel.into_iter().enumerate() {
                    // SAFETY: as above.
                    unsafe {
                        let sum = sums.add(v * LANES);
                        _mm256_store_ps(sum, _mm256_add_ps(_mm256_load_ps(sum), panel));
                    }
                }
            }
        }
        rows.len() * R
    }
}
