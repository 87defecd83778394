//! Patterns relative to their mean, where they lie so far from the origin that
//! squared distances would be lost to rounding.
//!
//! ```text
//! ½‖x − ξ‖² = ½‖y − η‖²,      y = x − c,   η^μ = ξ^μ − c,   c = (1/K) Σ_μ ξ^μ
//! ```
//!
//! Distances are taken as `ξ·x − ½‖ξ‖²`, one product for all. That rounds by
//! about `ε‖c‖²`, which must be far below the spread `‖ξ − c‖²` of the patterns:
//! temperatures in kelvin that differ by a tenth are not told apart in `f32`.

use ebm_core::{Batch, Real, validate};

use super::cccp::{Watch, hold};
use super::{Cues, Similarity};
use crate::patterns::allocate;
use crate::{Error, Patterns, Retrieved};

/// Rounding of squared distances that is tolerated, relative to their mean.
const ROUNDING: f64 = 1e-5;

/// A memory of `ξ^μ − c`, and `c`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Centered<T, M> {
    center: Vec<T>,
    pub(super) memory: M,
}

impl<T: Real, M> Centered<T, M> {
    /// With the memory that `make` makes of `ξ^μ − c`; nothing where the
    /// patterns can be compared as they are.
    pub(super) fn new(
        patterns: &Patterns<T>,
        similarity: Similarity,
        make: impl FnOnce(Patterns<T>) -> Result<M, Error>,
    ) -> Result<Option<Box<Self>>, Error> {
        if similarity != Similarity::SquaredDistance {
            return Ok(None);
        }
        let (dim, count) = (patterns.dim(), patterns.count());
        let mut mean = vec![0.0; dim];
        for pattern in patterns.as_batch().columns() {
            mean.iter_mut().zip(pattern).for_each(|(m, x)| *m += x.to_f64() / count as f64);
        }
        let size: f64 = mean.iter().map(|m| m * m).sum();
        let deviation = |(x, m): (&T, &f64)| (x.to_f64() - m) * (x.to_f64() - m);
        let squares = |pattern: &[T]| pattern.iter().zip(&mean).map(deviation).sum::<f64>();
        let spread = patterns.as_batch().columns().map(squares).sum::<f64>() / count as f64;
        if T::EPSILON.to_f64() * size <= ROUNDING * spread {
            return Ok(None);
        }
        let center: Vec<T> = mean.into_iter().map(T::from_f64).collect();
        let mut data = allocate(dim, count)?;
        data.extend_from_slice(patterns.as_batch().as_slice());
        shift(&mut data, &center, |x, c| x - c);
        let memory = make(Patterns::new(data, dim)?)?;
        Ok(Some(Box::new(Self { center, memory })))
    }

    /// What `retrieve` finds for the cues relative to the mean, moved back, as
    /// are the states that are watched.
    pub(super) fn retrieve<R>(
        &self,
        cues: Cues<'_, T>,
        watch: Option<&mut Watch<'_, T>>,
        retrieve: impl FnOnce(
            &M,
            Cues<'_, T>,
            Option<&mut Watch<'_, T>>,
        ) -> Result<Retrieved<R, T>, Error>,
    ) -> Result<Retrieved<R, T>, Error> {
        let given = cues.batch();
        let relative = self.moved(given)?;
        let moved = cues.replaced(Batch::new(&relative, given.dim())?);
        let restore = |cue: usize, state: &mut [T]| {
            shift(state, &self.center, |y, c| y + c);
            hold(cues.fixed_of(cue), given.column(cue), state);
        };
        let mut there = vec![T::ZERO; given.dim()];
        let mut back = watch.map(|watch| {
            move |cue: usize, update: usize, y: &[T]| {
                there.copy_from_slice(y);
                restore(cue, &mut there);
                watch(cue, update, &there)
            }
        });
        let watch = back.as_mut().map(|back| back as &mut Watch<'_, T>);
        let mut found = retrieve(&self.memory, moved, watch)?;
        for (cue, state) in found.states.chunks_exact_mut(given.dim()).enumerate() {
            restore(cue, state);
        }
        Ok(found)
    }

    /// `x − c` for every column of cues, which must have the right length.
    pub(super) fn moved(&self, cues: Batch<'_, T>) -> Result<Vec<T>, Error> {
        validate::dimension("cues", self.center.len(), cues.dim())?;
        let mut relative = vec![T::ZERO; cues.as_slice().len()];
        self.relative(cues.as_slice(), &mut relative);
        Ok(relative)
    }

    /// `x − c` for every column, into `y` of the same length.
    pub(super) fn relative(&self, x: &[T], y: &mut [T]) {
        y.copy_from_slice(x);
        shift(y, &self.center, |x, c| x - c);
    }
}

fn shift<T: Real>(columns: &mut [T], center: &[T], by: impl Fn(T, T) -> T) {
    for column in columns.chunks_exact_mut(center.len()) {
        column.iter_mut().zip(center).for_each(|(x, c)| *x = by(*x, *c));
    }
}

#[cfg(test)]
mod tests {
    use ebm_core::{Curvature, Workspace};

    use super::*;
    use crate::{
        Cccp, Corruption, Cues, FenchelYoungMemory, KeyValueMemory, LogSumExpMemory,
        RegularizedArgmax, corrupt,
    };

    const DIM: usize = 64;

    /// Patterns of spread 0.1 around `mean`, and cues at a third of that from them.
    fn far<T: Real>(mean: f64) -> (Patterns<T>, Vec<T>) {
        let zeros = Patterns::new(vec![0.0; DIM * 200], DIM).unwrap();
        let noise = |deviation, seed| {
            let noise = Corruption::Gaussian { deviation };
            corrupt(zeros.as_batch(), 1.0, noise, seed).unwrap().into_data()
        };
        let (spread, apart) = (noise(0.1, 1), noise(0.03, 2));
        let patterns: Vec<T> = spread.iter().map(|x| T::from_f64(mean + x)).collect();
        let cues = spread.iter().zip(&apart).map(|(x, y)| T::from_f64(mean + x + y)).collect();
        (Patterns::new(patterns, DIM).unwrap(), cues)
    }

    fn distance<T: Real>(a: &[T], b: &[T]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a.to_f64() - b.to_f64()).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn single_precision_recalls_far_from_the_origin() {
        for mean in [0.0, 30.0, -300.0, 3e4] {
            let (patterns, mut cues) = far::<f32>(mean);
            let memory =
                LogSumExpMemory::new(patterns.clone(), 1e3, Similarity::SquaredDistance).unwrap();
            let values = Patterns::new((0..200).map(|i| i as f32).collect(), 1).unwrap();
            let pairs = KeyValueMemory::new(memory.clone(), values).unwrap();
            let read = pairs.retrieve(Batch::new(&cues, DIM).unwrap()).unwrap();
            assert!(read.reports().iter().enumerate().all(|(mu, r)| r.pair == mu), "{mean}");
            let map = RegularizedArgmax::Sparsemax;
            let sparse =
                FenchelYoungMemory::new(patterns.clone(), 1e3, Similarity::SquaredDistance, map)
                    .unwrap();
            // Half of the entries unknown, a few held as they are.
            let known: Vec<bool> = (0..DIM).map(|i| i % 2 == 0).collect();
            let fixed: Vec<bool> = (0..DIM).map(|i| i < 4 && i % 2 == 0).collect();
            cues.chunks_mut(DIM).for_each(|cue| {
                cue.iter_mut().skip(1).step_by(2).for_each(|x| *x = f32::NAN);
            });
            let given = Cues::new(&cues, DIM).unwrap().with_known(&known).unwrap();
            let given = given.with_fixed(&fixed).unwrap();
            let read = pairs.retrieve(given).unwrap();
            assert!(read.reports().iter().enumerate().all(|(mu, r)| r.pair == mu), "{mean}");
            let recalled = Cccp::default().retrieve(&memory, given).unwrap();
            let exact = Cccp::default().retrieve(&sparse, given).unwrap();
            let rounding = 4.0 * f64::from(f32::EPSILON) * (mean.abs() + 1.0);
            for (mu, report) in recalled.reports().iter().enumerate() {
                assert_eq!(report.pattern, mu, "{mean}");
                let (state, cue) = (recalled.state(mu), &cues[mu * DIM..(mu + 1) * DIM]);
                assert_eq!((state[0], state[2]), (cue[0], cue[2]));
                assert!(distance(&state[4..], &patterns.pattern(mu)[4..]) <= rounding, "{mean}");
                assert_eq!(exact.reports()[mu].support, [(mu, 1.0)], "{mean}");
                let state = exact.state(mu);
                assert_eq!((state[0], state[2]), (cue[0], cue[2]));
                assert!(distance(&state[4..], &patterns.pattern(mu)[4..]) <= rounding, "{mean}");
            }
        }
    }

    const PLACE: f64 = 1e6;

    fn moved(x: &[f64]) -> Vec<f64> {
        x.iter().map(|x| x + PLACE).collect()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6 * (1.0 + a.abs())
    }

    /// Energies and derivatives of a memory, and of one with all patterns moved.
    fn agree<M: Curvature>(here: &M, there: &M, cues: &[f64]) {
        let ws = &mut Workspace::new();
        let x = &cues[..DIM];
        let y = moved(x);
        assert!(close(here.energy(x, ws), there.energy(&y, ws)));
        let (mut a, mut b) = (vec![0.0; DIM], vec![0.0; DIM]);
        here.gradient(x, &mut a, ws);
        there.gradient(&y, &mut b, ws);
        assert!(distance(&a, &b) < 1e-6);
        assert!(close(here.energy(x, ws), there.energy_gradient(&y, &mut b, ws)));
        assert!(distance(&a, &b) < 1e-6);
        here.hessian_vec(x, &cues[DIM..2 * DIM], &mut a, ws);
        there.hessian_vec(&y, &cues[DIM..2 * DIM], &mut b, ws);
        assert!(distance(&a, &b) < 1e-6);
        let two = moved(&cues[..2 * DIM]);
        let mut energies = [0.0; 2];
        there.energy_batch(Batch::new(&two, DIM).unwrap(), &mut energies, ws);
        assert!(close(energies[0], here.energy(x, ws)));
        let mut gradients = vec![0.0; 2 * DIM];
        let out = ebm_core::BatchMut::new(&mut gradients, DIM).unwrap();
        there.gradient_batch(Batch::new(&two, DIM).unwrap(), out, ws);
        here.gradient(&cues[DIM..2 * DIM], &mut a, ws);
        assert!(distance(&gradients[DIM..], &a) < 1e-6);
    }

    #[test]
    fn energies_do_not_depend_on_the_place() {
        let (near, cues) = far::<f64>(0.0);
        let away = Patterns::new(moved(near.as_batch().as_slice()), DIM).unwrap();
        let betas: Vec<f64> = (0..200).map(|mu| 50.0 + f64::from(mu)).collect();
        let priors: Vec<f64> = (0..200).map(|mu| 0.01 * f64::from(mu)).collect();
        let memory = |patterns| {
            let memory =
                LogSumExpMemory::new(patterns, 100.0, Similarity::SquaredDistance).unwrap();
            let memory = memory.with_log_priors(&priors).unwrap();
            memory.with_inverse_temperatures(&betas).unwrap()
        };
        agree(&memory(near.clone()), &memory(away.clone()), &cues);

        for map in [
            RegularizedArgmax::Softmax,
            RegularizedArgmax::Sparsemax,
            RegularizedArgmax::KSubset { k: 3 },
        ] {
            // So flat that several patterns have weight.
            let memory = |patterns, beta| {
                FenchelYoungMemory::new(patterns, beta, Similarity::SquaredDistance, map).unwrap()
            };
            agree(&memory(near.clone(), 3.0), &memory(away.clone(), 3.0), &cues);
            let (here, there) = (memory(near.clone(), 50.0), memory(away.clone(), 50.0));
            let set = &[4, 7, 9][..map.winners()];
            let radii = (here.exact_radius(set).unwrap(), there.exact_radius(set).unwrap());
            assert_eq!(radii.0.is_some(), radii.1.is_some());
            if let (Some(a), Some(b)) = radii {
                assert!(close(a, b), "{map:?} {a} {b}");
            }
        }
    }

    #[test]
    fn only_what_needs_it_is_centered() {
        let centered = |mean, similarity| {
            let (patterns, _) = far::<f32>(mean);
            Centered::new(&patterns, similarity, Ok).unwrap().is_some()
        };
        assert!(!centered(0.0, Similarity::SquaredDistance));
        assert!(!centered(0.5, Similarity::SquaredDistance));
        assert!(centered(30.0, Similarity::SquaredDistance));
        assert!(!centered(30.0, Similarity::DotProduct));
        assert!(!centered(30.0, Similarity::Manhattan));
        // A single pattern has no spread.
        let one = Patterns::new(vec![1.0_f32, 2.0], 2).unwrap();
        let memory = LogSumExpMemory::new(one, 1.0, Similarity::SquaredDistance).unwrap();
        let recalled = Cccp::default().retrieve(&memory, Batch::single(&[0.0, 5.0]).unwrap());
        assert_eq!(recalled.unwrap().state(0), [1.0, 2.0]);
    }
}
