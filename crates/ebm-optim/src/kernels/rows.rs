//! Rows of couplings for sweeps over 16 replicas in single precision, those of a
//! node side by side.

use std::ops::Range;

use crate::Ising;

/// Replicas side by side: one cache line of `f32`.
pub(crate) const LANES: usize = 16;

/// One number for each replica of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub(crate) [f32; LANES]);

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);
}

/// Rows of couplings. Where all have one magnitude, that is `scale` and a row
/// is a list of positive and a list of negative neighbors.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Row `i` is `columns[starts[i]..starts[i + 1]]`.
    pub(super) starts: Vec<u32>,
    /// Below `nodes()`, each of them.
    pub(super) columns: Vec<u32>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Positions where the negative neighbors of each row begin.
    Signs { negative: Vec<u32>, scale: f32 },
    /// A weight a column.
    Weights(Vec<f32>),
}

impl Rows {
    /// The couplings of `problem` times `strength`.
    pub(crate) fn new(problem: &Ising, strength: f64) -> Self {
        let n = problem.spins();
        let row = |i: usize| {
            let (columns, weights) = problem.couplings().neighbors(i);
            columns.iter().zip(weights).filter(|(_, w)| **w != 0.0)
        };
        let magnitude = (0..n).find_map(|i| row(i).next()).map_or(0.0, |(_, w)| w.abs());
        let equal = (0..n).all(|i| row(i).all(|(_, w)| w.abs() == magnitude));
        let (mut starts, mut columns) = (vec![0], vec![]);
        let (mut negative, mut scaled) = (vec![], vec![]);
        for i in 0..n {
            if equal {
                columns.extend(row(i).filter(|(_, w)| **w > 0.0).map(|(j, _)| *j));
                negative.push(columns.len() as u32);
                columns.extend(row(i).filter(|(_, w)| **w < 0.0).map(|(j, _)| *j));
            } else {
                columns.extend(row(i).map(|(j, _)| *j));
                scaled.extend(row(i).map(|(_, w)| (strength * w) as f32));
            }
            starts.push(columns.len() as u32);
        }
        let kind = if equal {
            Kind::Signs { negative, scale: (strength * magnitude) as f32 }
        } else {
            Kind::Weights(scaled)
        };
        // What the unchecked gather relies on.
        assert!(columns.iter().all(|&j| (j as usize) < n));
        Self { starts, columns, kind }
    }

    pub(crate) fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    /// Couplings stored before row `i`.
    pub(crate) fn entries_before(&self, i: usize) -> usize {
        self.starts[i] as usize
    }

    /// The largest magnitude stored, for a check of the range.
    pub(crate) fn largest(&self) -> f32 {
        match &self.kind {
            Kind::Signs { scale, .. } => scale.abs(),
            Kind::Weights(weights) => weights.iter().fold(0.0, |m: f32, w| m.max(w.abs())),
        }
    }

    /// The rows from `start` on that have about `work` couplings, and at most
    /// that many rows.
    pub(crate) fn portion(&self, start: usize, work: usize) -> Range<usize> {
        let n = self.nodes();
        let end_at = self.entries_before(start) + work;
        let whole = self.entries_before(n) <= end_at && n - start <= work;
        let mut end = if whole { n } else { start };
        while end < n && end - start < work && self.entries_before(end) < end_at {
            end += 1;
        }
        start..end
    }

    /// `Σⱼ Jᵢⱼ map(xⱼ)` of each replica.
    #[inline(always)]
    pub(super) fn sum(&self, i: usize, x: &[Lanes], map: impl Fn(f32) -> f32) -> Lanes {
        let (begin, end) = (self.starts[i] as usize, self.starts[i + 1] as usize);
        let columns = &self.columns[begin..end];
        let mut sum = Lanes::ZERO;
        match &self.kind {
            Kind::Signs { negative, scale } => {
                let (plus, minus) = columns.split_at(negative[i] as usize - begin);
                for &j in plus {
                    let x = &x[j as usize];
                    for lane in 0..LANES {
                        sum.0[lane] += map(x.0[lane]);
                    }
                }
                for &j in minus {
                    let x = &x[j as usize];
                    for lane in 0..LANES {
                        sum.0[lane] -= map(x.0[lane]);
                    }
                }
                sum.0.iter_mut().for_each(|sum| *sum *= *scale);
            }
            Kind::Weights(weights) => {
                for (&j, &w) in columns.iter().zip(&weights[begin..end]) {
                    let x = &x[j as usize];
                    for lane in 0..LANES {
                        sum.0[lane] += w * map(x.0[lane]);
                    }
                }
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn couplings_of_zero_are_none() {
        let problem = Ising::from_couplings(3, &[(0, 1, 0.0), (1, 2, -2.0)]).unwrap();
        let rows = Rows::new(&problem, 0.5);
        assert_eq!((rows.columns.len(), rows.largest()), (2, 1.0));
        assert!(matches!(rows.kind, Kind::Signs { .. }));
        let free = Rows::new(&Ising::from_couplings(2, &[]).unwrap(), 1.0);
        assert_eq!((free.nodes(), free.entries_before(2), free.largest()), (2, 0, 0.0));
    }

    #[test]
    fn portions_cover_all_rows() {
        let star: Vec<_> = (1..200).map(|j| (0, j, 1.0)).collect();
        let rows = Rows::new(&Ising::from_couplings(400, &star).unwrap(), 1.0);
        for work in [1, 7, 100, 10_000] {
            let mut at = 0;
            while at < 400 {
                let portion = rows.portion(at, work);
                assert!(portion.start == at && portion.end > at && portion.len() <= work.max(1));
                at = portion.end;
            }
            assert!(rows.portion(400, work).is_empty());
        }
    }
}
