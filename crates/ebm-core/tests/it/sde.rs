//! Stochastic integration: orders, exact moments, determinism, cost, bad input.

use std::sync::atomic::{AtomicUsize, Ordering};

use ebm_core::flow::Langevin;
use ebm_core::observer::{StopWhen, Trace};
use ebm_core::problems::{DoubleWell, GeometricBrownianMotion, OrnsteinUhlenbeck};
use ebm_core::sde::{
    self, BrownianPath, EulerMaruyama, Increment, Options, Scheme, StochasticHeun,
    StochasticRungeKutta,
};
use ebm_core::{
    Batch, BatchMut, Diffusion, Error, NoiseKind, Outcome, Snapshot, VectorField, Workspace,
};

type Result<T = (), E = Error> = std::result::Result<T, E>;

/// `dx = (sin 3t − sin x) dt + (1 + t²) dW`, additive noise that depends on time.
struct Swelling;

impl VectorField for Swelling {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, t: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx[0] = (3.0 * t).sin() - x[0].sin();
    }
}

impl Diffusion for Swelling {
    fn noise_kind(&self) -> NoiseKind {
        NoiseKind::Additive
    }
    fn add_noise(&self, t: f64, _: &[f64], dw: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] += (1.0 + t * t) * dw[0];
    }
}

/// Final states at time 1 of trajectories from `x0`, base step 1/8.
fn at_one<F, S>(field: &F, scheme: &S, x0: f64, count: usize, level: u32) -> Result<Vec<f64>>
where
    F: Diffusion,
    S: Scheme<F>,
{
    let options = Options { step: 0.125, level, seed: 20, ..Options::default() };
    let start = vec![x0; count * field.dim()];
    let x0 = Batch::new(&start, field.dim())?;
    let end = sde::integrate_batch(field, scheme, (0.0, 1.0), x0, &options, |_| ())?;
    assert!(end.outcomes.iter().all(|outcome| *outcome == Outcome::Reached));
    Ok(end.x)
}

/// `W(1)` of the paths that [`at_one`] uses.
fn wiener_at_one(count: usize) -> Result<Vec<f64>> {
    (0..count as u64)
        .map(|stream| {
            let mut path = BrownianPath::new(20, stream, 1, 0.125, 0)?;
            Ok((0..8)
                .map(|_| {
                    path.advance();
                    path.increment()[0]
                })
                .sum())
        })
        .collect()
}

fn mean_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64
}

/// Slope of `log₂ error` against the level, sign reversed.
fn observed_order(errors: &[f64]) -> f64 {
    let n = errors.len() as f64;
    let center = (n - 1.0) / 2.0;
    let (mut above, mut below) = (0.0, 0.0);
    for (level, error) in errors.iter().enumerate() {
        let offset = level as f64 - center;
        above -= offset * error.log2();
        below += offset * offset;
    }
    above / below
}

/// Strong order over some levels, against a reference on the same paths.
fn strong_order<F, S>(
    field: &F,
    scheme: &S,
    x0: f64,
    levels: std::ops::Range<u32>,
    reference: &[f64],
) -> Result<f64>
where
    F: Diffusion,
    S: Scheme<F>,
{
    let distance =
        |level| Ok(mean_distance(&at_one(field, scheme, x0, reference.len(), level)?, reference));
    Ok(observed_order(&levels.map(distance).collect::<Result<Vec<f64>>>()?))
}

#[track_caller]
fn assert_order(found: f64, expected: f64) {
    assert!((found - expected).abs() < 0.1, "order {found}, expected {expected}");
}

#[test]
fn strong_order_on_multiplicative_noise() -> Result {
    let (field, x0) = (GeometricBrownianMotion { mu: 0.5, sigma: 1.0 }, 1.0);
    let w = wiener_at_one(4000)?;
    let ito: Vec<f64> = w.iter().map(|w| field.ito(x0, 1.0, *w)).collect();
    let stratonovich: Vec<f64> = w.iter().map(|w| field.stratonovich(x0, 1.0, *w)).collect();
    assert_order(strong_order(&field, &EulerMaruyama, x0, 2..7, &ito)?, 0.5);
    assert_order(strong_order(&field, &StochasticHeun, x0, 2..7, &stratonovich)?, 1.0);
    Ok(())
}

#[test]
fn strong_order_on_additive_noise() -> Result {
    // The reference is eight times finer than the finest level, by the scheme of
    // the highest order.
    let field = Langevin::new(DoubleWell::default(), 0.3)?;
    let fine = at_one(&field, &StochasticRungeKutta, 0.5, 500, 9)?;
    assert_order(strong_order(&field, &EulerMaruyama, 0.5, 3..7, &fine)?, 1.0);
    assert_order(strong_order(&field, &StochasticHeun, 0.5, 3..7, &fine)?, 1.0);
    assert_order(strong_order(&field, &StochasticRungeKutta, 0.5, 3..7, &fine)?, 1.5);
    let fine = at_one(&Swelling, &StochasticRungeKutta, 0.5, 500, 9)?;
    assert_order(strong_order(&Swelling, &StochasticRungeKutta, 0.5, 3..7, &fine)?, 1.5);
    Ok(())
}

#[test]
fn every_scheme_follows_the_same_path() -> Result {
    // Schemes that converge to the same solution differ by their errors only.
    let field = Langevin::new(DoubleWell::default(), 0.3)?;
    let fine = at_one(&field, &StochasticRungeKutta, 0.5, 200, 8)?;
    for level in [6, 7] {
        let h = 0.125 / f64::from(1 << level);
        let euler = at_one(&field, &EulerMaruyama, 0.5, 200, level)?;
        let heun = at_one(&field, &StochasticHeun, 0.5, 200, level)?;
        assert!(mean_distance(&euler, &fine) < h);
        assert!(mean_distance(&heun, &fine) < h);
    }
    Ok(())
}

/// Mean and variance at `t` of a scheme on a linear field with additive noise,
/// exactly: one step is `x ↦ R x + a ΔW + b H`.
fn linear_moments<F: Diffusion, S: Scheme<F>>(
    field: &F,
    scheme: &S,
    x0: f64,
    t: f64,
    steps: u32,
) -> Result<(f64, f64)> {
    let h = t / f64::from(steps);
    let response = |x: f64, dw: f64, area: f64| {
        let (x, dw, area, mut out) = ([x], [dw], [area], [0.0]);
        let (dw, area) = (Batch::single(&dw)?, Batch::single(&area)?);
        let increment = Increment { t: &[0.0], h, dw, area };
        let new = BatchMut::new(&mut out, 1)?;
        scheme.step(field, &increment, Batch::single(&x)?, new, &mut Workspace::new());
        Ok::<f64, Error>(out[0])
    };
    let (r, a, b) = (response(1.0, 0.0, 0.0)?, response(0.0, 1.0, 0.0)?, response(0.0, 0.0, 1.0)?);
    let (mut mean, mut variance) = (x0, 0.0);
    for _ in 0..steps {
        mean *= r;
        variance = r * r * variance + a * a * h + b * b * h / 12.0;
    }
    Ok((mean, variance))
}

#[test]
fn weak_order_on_additive_noise() -> Result {
    let field = OrnsteinUhlenbeck { dim: 1, rate: 1.3, sigma: 0.7 };
    let schemes: [(&dyn Scheme<OrnsteinUhlenbeck>, f64); 3] =
        [(&EulerMaruyama, 1.0), (&StochasticHeun, 2.0), (&StochasticRungeKutta, 2.0)];
    for (scheme, order) in schemes {
        let mut errors = [vec![], vec![]];
        for steps in [32, 64, 128, 256] {
            let scheme = Erased(scheme);
            let (mean, variance) = linear_moments(&field, &scheme, 2.0, 1.0, steps)?;
            errors[0].push((mean - field.mean(2.0, 1.0)).abs());
            errors[1].push((variance - field.variance(1.0)).abs());
        }
        assert_order(observed_order(&errors[0]), order);
        assert_order(observed_order(&errors[1]), order);
    }
    Ok(())
}

/// A scheme behind a pointer, as a user who chooses it at run time has it.
struct Erased<'a, F>(&'a dyn Scheme<F>);

impl<F> Scheme<F> for Erased<'_, F> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn strong_order(&self, noise: NoiseKind) -> Option<f64> {
        self.0.strong_order(noise)
    }
    fn uses_area(&self) -> bool {
        self.0.uses_area()
    }
    fn evaluations(&self) -> usize {
        self.0.evaluations()
    }
    fn step(
        &self,
        field: &F,
        increment: &Increment<'_>,
        x: Batch<'_>,
        x_new: BatchMut<'_>,
        ws: &mut Workspace,
    ) {
        self.0.step(field, increment, x, x_new, ws);
    }
}

#[test]
fn weak_order_on_multiplicative_noise() -> Result {
    // On the same paths E[xₕ − x] has little variance, so the bias shows.
    let (field, count) = (GeometricBrownianMotion { mu: 1.5, sigma: 0.1 }, 4000);
    let w = wiener_at_one(count)?;
    let exact: Vec<f64> = w.iter().map(|w| field.ito(1.0, 1.0, *w)).collect();
    let mut errors = vec![];
    for level in 1..5 {
        let steps = 8 << level;
        let x = at_one(&field, &EulerMaruyama, 1.0, count, level)?;
        let differences: Vec<f64> = x.iter().zip(&exact).map(|(x, exact)| x - exact).collect();
        let (bias, error) = mean_and_error(&differences);
        // E xₕ = (1 + μh)ⁿ exactly.
        let expected = (1.0 + 1.5 / f64::from(steps)).powi(steps) - 1.5_f64.exp();
        assert!((bias - expected).abs() < 4.0 * error, "{bias} {expected} {error}");
        errors.push(-bias);
    }
    assert_order(observed_order(&errors), 1.0);
    Ok(())
}

/// Mean of independent samples and its standard error.
fn mean_and_error(samples: &[f64]) -> (f64, f64) {
    let n = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / n;
    let square = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    (mean, (square / (n - 1.0) / n).sqrt())
}

#[test]
fn ornstein_uhlenbeck_moments() -> Result {
    let field = OrnsteinUhlenbeck { dim: 2, rate: 1.0, sigma: 0.8 };
    let count = 20_000;
    let end = at_one(&field, &StochasticRungeKutta, 1.5, count, 3)?;
    let centered: Vec<f64> = end.iter().map(|x| x - field.mean(1.5, 1.0)).collect();
    let (mean, error) = mean_and_error(&centered);
    assert!(mean.abs() < 4.0 * error);
    let squares: Vec<f64> = centered.iter().map(|x| x * x).collect();
    let (variance, error) = mean_and_error(&squares);
    assert!((variance - field.variance(1.0)).abs() < 4.0 * error);
    let products: Vec<f64> = centered.chunks_exact(2).map(|x| x[0] * x[1]).collect();
    let (covariance, error) = mean_and_error(&products);
    assert!(covariance.abs() < 4.0 * error);
    Ok(())
}

/// Deviations of `⟨x²⟩` and `⟨x⁴⟩` from the Gibbs law of the double well at
/// `T = 0.3`, in standard errors. Each walker gives one independent time
/// average, so correlations in time do not matter. The noise amplitude is
/// `noise` times the right one.
fn double_well_deviations(noise: f64) -> Result<[f64; 2]> {
    let temperature = 0.3;
    let field = Langevin::new(DoubleWell::default(), noise * noise * temperature)?;
    let start: Vec<f64> = (0..8000).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let options = Options { step: 0.025, seed: 3, ..Options::default() };
    let end = sde::integrate_batch(
        &field,
        &StochasticRungeKutta,
        (0.0, 16.0),
        Batch::new(&start, 1)?,
        &options,
        |walkers| Averages { first: walkers.start, sums: vec![[0.0; 3]; walkers.len()] },
    )?;
    let moments = |power: usize| -> Vec<f64> {
        let walkers = end.observers.iter().flat_map(|averages| &averages.sums);
        walkers.map(|sums| sums[power] / sums[0]).collect()
    };
    let exact = |power: i32| {
        let weight = |x: f64| (-(x.powi(4) / 4.0 - x * x / 2.0) / temperature).exp();
        // The trapezoidal rule converges geometrically for such integrands.
        let points = || (-4000..=4000).map(|i| f64::from(i) * 1e-3);
        points().map(|x| x.powi(power) * weight(x)).sum::<f64>() / points().map(weight).sum::<f64>()
    };
    Ok([1, 2].map(|half| {
        let (mean, error) = mean_and_error(&moments(half));
        (mean - exact(2 * half as i32)) / error
    }))
}

/// Per walker: number of samples, `Σ x²`, `Σ x⁴` after the transient.
struct Averages {
    first: usize,
    sums: Vec<[f64; 3]>,
}

impl ebm_core::Observer for Averages {
    fn observe(&mut self, now: &Snapshot<'_>) -> std::ops::ControlFlow<()> {
        if now.t >= 8.0 {
            let square = now.x[0] * now.x[0];
            let sums = &mut self.sums[now.trajectory - self.first];
            *sums = [sums[0] + 1.0, sums[1] + square, sums[2] + square * square];
        }
        std::ops::ControlFlow::Continue(())
    }
}

#[test]
fn langevin_moments_of_the_double_well_match_quadrature() -> Result {
    let right = double_well_deviations(1.0)?;
    assert!(right.iter().all(|z| z.abs() < 4.0), "{right:?}");
    // The test must notice noise that is 5 % too strong.
    let wrong = double_well_deviations(1.05)?;
    assert!(wrong.iter().any(|z| z.abs() > 4.0), "{wrong:?}");
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() -> Result {
    let field = Langevin::new(DoubleWell { dim: 3 }, 0.3)?;
    let start: Vec<f64> = (0..900).map(|i| f64::from(i) * 0.002 - 0.9).collect();
    let run = |threads| -> Result<_> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let options = Options { step: 0.02, level: 1, seed: 5, ..Options::default() };
        let run = || {
            let x0 = Batch::new(&start, 3)?;
            let observer = |_| (Trace::new(), StopWhen::new(|now| now.x[0] > 1.5));
            sde::integrate_batch(&field, &StochasticRungeKutta, (0.0, 1.0), x0, &options, observer)
        };
        let end = pool.map_or_else(|_| run(), |pool| pool.install(run))?;
        let traces: Vec<Trace> = end.observers.into_iter().map(|(trace, _)| trace).collect();
        Ok((end.outcomes, end.stats, end.t, end.x, traces))
    };
    let one = run(1)?;
    assert!(one.0.contains(&Outcome::Stopped) && one.0.contains(&Outcome::Reached));
    assert!(one == run(2)? && one == run(4)?);
    Ok(())
}

#[test]
fn a_column_of_a_batch_is_the_single_run_on_its_stream() -> Result {
    let field = Langevin::new(DoubleWell { dim: 2 }, 0.3)?;
    let start: Vec<f64> = (0..260).map(|i| f64::from(i) * 0.01 - 1.3).collect();
    let options = Options { step: 0.05, level: 2, seed: 5, first_stream: 40, ..Options::default() };
    let batch = Batch::new(&start, 2)?;
    let stop = |now: &Snapshot<'_>| now.x[1] > 1.4;
    let scheme = StochasticRungeKutta;
    let span = (-1.0, 0.5);
    let end =
        sde::integrate_batch(&field, &scheme, span, batch, &options, |_| StopWhen::new(stop))?;
    let mut steps = 0;
    for (j, x0) in batch.columns().enumerate() {
        let options = Options { first_stream: 40 + j as u64, ..options };
        let single = sde::integrate(&field, &scheme, span, x0, &options, &mut StopWhen::new(stop))?;
        assert_eq!(single.x, end.states().column(j));
        assert_eq!((single.outcome, single.t), (end.outcomes[j], end.t[j]));
        steps += single.stats.steps;
    }
    assert_eq!((end.stats.steps, end.stats.evaluations), (steps, 2 * steps));
    Ok(())
}

#[test]
fn a_step_does_not_allocate() -> Result {
    let schemes: [&dyn Scheme<Langevin<DoubleWell>>; 3] =
        [&EulerMaruyama, &StochasticHeun, &StochasticRungeKutta];
    let field = Langevin::new(DoubleWell { dim: 4 }, 0.3)?;
    let start = [0.5; 4 * 20];
    for scheme in schemes {
        let scheme = Erased(scheme);
        let allocations = |t_end: f64| -> Result<u64> {
            let mut result = Ok(());
            let count = allocation_counter::measure(|| {
                let options = Options { step: 0.1, level: 2, ..Options::default() };
                let x0 = Batch::new(&start, 4);
                result = x0.and_then(|x0| {
                    sde::integrate_batch(&field, &scheme, (0.0, t_end), x0, &options, |_| ())
                        .map(|_| ())
                });
            });
            result.map(|()| count.count_total)
        };
        assert_eq!(allocations(0.2)?, allocations(20.0)?);
    }
    Ok(())
}

/// `ẋ = x²` explodes in finite time from `x > 0`.
struct Explosive(NoiseKind);

impl VectorField for Explosive {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, _: f64, x: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx[0] = x[0] * x[0];
    }
}

impl Diffusion for Explosive {
    fn noise_kind(&self) -> NoiseKind {
        self.0
    }
    fn add_noise(&self, _: f64, _: &[f64], dw: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] += 1e-3 * dw[0];
    }
}

#[test]
fn a_diverging_trajectory_ends_alone() -> Result {
    let field = Explosive(NoiseKind::Additive);
    let start = [-1.0, 10.0, -2.0, 20.0, -3.0];
    let x0 = Batch::new(&start, 1)?;
    let options = Options { step: 0.05, ..Options::default() };
    let end = sde::integrate_batch(&field, &EulerMaruyama, (0.0, 2.0), x0, &options, |_| ())?;
    for (j, outcome) in end.outcomes.iter().enumerate() {
        if j % 2 == 0 {
            assert_eq!((*outcome, end.t[j]), (Outcome::Reached, 2.0));
            let calm = start[j] / (1.0 - 2.0 * start[j]);
            assert!((end.x[j] - calm).abs() < 0.05);
        } else {
            let Outcome::NotFinite { t, index: 0 } = *outcome else { panic!("{outcome:?}") };
            assert!(end.x[j].is_finite() && end.t[j] < t && (t - end.t[j] - 0.05).abs() < 1e-12);
        }
    }
    Ok(())
}

#[test]
fn bad_input_is_rejected() -> Result {
    let field = OrnsteinUhlenbeck::default();
    let options = Options::default();
    let single = |span, x0: &[f64], options: &Options| {
        sde::integrate(&field, &EulerMaruyama, span, x0, options, &mut ()).map(|_| ())
    };
    assert_eq!(single((0.0, 1.0), &[0.0], &options), Ok(()));
    for step in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        let options = Options { step, ..options };
        let error = single((0.0, 1.0), &[0.0], &options);
        assert!(matches!(error, Err(Error::Parameter { .. })), "{error:?}");
    }
    for span in [(0.0, 0.0), (1.0, 0.0), (0.0, f64::NAN), (f64::NEG_INFINITY, 0.0)] {
        assert!(matches!(single(span, &[0.0], &options), Err(Error::Span { .. })));
    }
    let high = Options { level: 33, ..options };
    assert!(matches!(single((0.0, 1.0), &[0.0], &high), Err(Error::Parameter { .. })));
    assert!(matches!(single((0.0, 1.0), &[], &options), Err(Error::Dimension { .. })));
    assert!(matches!(single((0.0, 1.0), &[0.0; 2], &options), Err(Error::Dimension { .. })));
    assert!(matches!(single((0.0, 1.0), &[f64::NAN], &options), Err(Error::NotFinite { .. })));

    let batch = |x0: Batch<'_>| {
        sde::integrate_batch(&field, &EulerMaruyama, (0.0, 1.0), x0, &options, |_| ()).map(|_| ())
    };
    assert!(matches!(batch(Batch::new(&[], 1)?), Err(Error::Empty { .. })));
    assert!(matches!(batch(Batch::new(&[0.0; 4], 2)?), Err(Error::Dimension { .. })));
    let error = batch(Batch::new(&[0.0, f64::INFINITY], 1)?);
    assert!(matches!(error, Err(Error::NotFinite { index: 1, .. })));

    let nothing = OrnsteinUhlenbeck { dim: 0, ..field };
    let error = sde::integrate(&nothing, &EulerMaruyama, (0.0, 1.0), &[], &options, &mut ());
    assert!(matches!(error, Err(Error::Empty { .. })));
    Ok(())
}

#[test]
fn noise_a_scheme_does_not_support_is_refused() {
    let run = |kind| {
        let options = Options::default();
        let field = Explosive(kind);
        sde::integrate(&field, &StochasticRungeKutta, (0.0, 0.1), &[0.0], &options, &mut ())
    };
    assert!(run(NoiseKind::Additive).is_ok());
    for kind in [NoiseKind::Diagonal, NoiseKind::General] {
        let error = run(kind).map(|_| ()).map_err(|error| error.to_string());
        let text =
            format!("the stochastic Runge-Kutta SRA1 scheme does not support {kind:?} noise");
        assert_eq!(error, Err(text));
    }
}

/// `dx = G dW` with a constant `3 × 2` matrix, and a count of batch evaluations.
#[derive(Default)]
struct Kicked {
    batches: AtomicUsize,
}

const G: [[f64; 2]; 3] = [[1.0, 0.5], [-2.0, 0.0], [0.25, 3.0]];

impl VectorField for Kicked {
    fn dim(&self) -> usize {
        3
    }
    fn eval(&self, _: f64, _: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx.fill(0.0);
    }
    fn eval_batch(&self, _: &[f64], x: Batch<'_>, mut dx: BatchMut<'_>, _: &mut Workspace) {
        assert_eq!(x.count(), 50);
        dx.as_mut_slice().fill(0.0);
        self.batches.fetch_add(1, Ordering::Relaxed);
    }
}

impl Diffusion for Kicked {
    fn noise_dim(&self) -> usize {
        2
    }
    fn noise_kind(&self) -> NoiseKind {
        NoiseKind::Additive
    }
    fn add_noise(&self, _: f64, _: &[f64], dw: &[f64], out: &mut [f64], _: &mut Workspace) {
        for (row, out) in G.iter().zip(out) {
            *out += row[0] * dw[0] + row[1] * dw[1];
        }
    }
}

#[test]
fn fewer_sources_of_noise_than_components() -> Result {
    let options = Options { step: 0.1, level: 1, seed: 4, first_stream: 7, ..Options::default() };
    let start = [0.0; 150];
    let schemes: [&dyn Scheme<Kicked>; 3] =
        [&EulerMaruyama, &StochasticHeun, &StochasticRungeKutta];
    for scheme in schemes {
        let field = Kicked::default();
        let x0 = Batch::new(&start, 3)?;
        let end = sde::integrate_batch(&field, &Erased(scheme), (0.0, 1.0), x0, &options, |_| ())?;
        for (stream, x) in (7..).zip(end.states().columns()) {
            let mut path = BrownianPath::new(4, stream, 2, 0.1, 1)?;
            let mut w = [0.0; 2];
            for _ in 0..20 {
                path.advance();
                w = [w[0] + path.increment()[0], w[1] + path.increment()[1]];
            }
            for (row, x) in G.iter().zip(x) {
                assert!((row[0] * w[0] + row[1] * w[1] - x).abs() < 1e-13);
            }
        }
        // The whole batch in one evaluation a stage.
        assert_eq!(field.batches.into_inner(), 20 * scheme.evaluations());
    }
    Ok(())
}

/// `dx = J x dW` with a quarter turn `J`: scalar noise that mixes components.
/// Stratonovich solutions turn by `W`, Itô solutions also grow by `e^{t/2}`.
struct Turning;

impl VectorField for Turning {
    fn dim(&self) -> usize {
        2
    }
    fn eval(&self, _: f64, _: &[f64], dx: &mut [f64], _: &mut Workspace) {
        dx.fill(0.0);
    }
}

impl Diffusion for Turning {
    fn noise_dim(&self) -> usize {
        1
    }
    fn noise_kind(&self) -> NoiseKind {
        NoiseKind::General
    }
    fn add_noise(&self, _: f64, x: &[f64], dw: &[f64], out: &mut [f64], _: &mut Workspace) {
        out[0] -= x[1] * dw[0];
        out[1] += x[0] * dw[0];
    }
}

#[test]
fn ito_and_stratonovich_readings_differ_as_they_should() -> Result {
    // From (1, 1), since `at_one` starts every component alike.
    let w = wiener_at_one(2000)?;
    let turned = |w: &f64| [w.cos() - w.sin(), w.sin() + w.cos()];
    let stratonovich: Vec<f64> = w.iter().flat_map(turned).collect();
    let ito: Vec<f64> = stratonovich.iter().map(|x| 0.5_f64.exp() * x).collect();
    let errors = |scheme: &dyn Scheme<Turning>, exact: &[f64]| -> Result<Vec<f64>> {
        (2..7)
            .map(|level| {
                Ok(mean_distance(&at_one(&Turning, &Erased(scheme), 1.0, 2000, level)?, exact))
            })
            .collect()
    };
    assert_order(observed_order(&errors(&EulerMaruyama, &ito)?), 0.5);
    assert_order(observed_order(&errors(&StochasticHeun, &stratonovich)?), 1.0);
    Ok(())
}

/// An initial state drawn from the stream of a trajectory must not repeat its
/// noise.
#[test]
fn the_path_is_independent_of_the_head_of_its_stream() -> Result {
    let n = 10_000;
    let mut head = vec![0.0; n];
    ebm_core::random::fill_normal(&mut ebm_core::random::stream(7, 3), &mut head);
    let mut path = BrownianPath::new(7, 3, 1, 1.0, 0)?.with_areas();
    let (mut with_increments, mut with_areas) = (0.0, 0.0);
    for z in &head {
        path.advance();
        assert_ne!(path.increment()[0], *z);
        with_increments += z * path.increment()[0];
        with_areas += z * path.area()[0] * 12_f64.sqrt();
    }
    // Sums of n products of independent standard normals, in standard errors.
    for sum in [with_increments, with_areas] {
        assert!(sum.abs() < 5.0 * (n as f64).sqrt(), "{sum}");
    }
    Ok(())
}

#[test]
fn the_first_outputs_are_pinned() -> Result {
    let mut path = BrownianPath::new(7, 3, 1, 0.5, 2)?;
    path.advance();
    let first = (path.increment()[0], path.area()[0]);
    path.advance();
    let second = (path.increment()[0], path.area()[0]);
    assert_eq!(first, (0.043788645503044316, 0.0736789825328954));
    assert_eq!(second, (0.4896565119970022, 0.1009834393410419));

    let field = Langevin::new(DoubleWell::default(), 0.3)?;
    let schemes: [&dyn Scheme<Langevin<DoubleWell>>; 3] =
        [&EulerMaruyama, &StochasticHeun, &StochasticRungeKutta];
    let options = Options { step: 0.1, seed: 7, ..Options::default() };
    let mut ends = [0.0; 3];
    for (scheme, end) in schemes.into_iter().zip(&mut ends) {
        let scheme = Erased(scheme);
        *end = sde::integrate(&field, &scheme, (0.0, 1.0), &[0.5], &options, &mut ())?.x[0];
    }
    assert_eq!(ends, [-0.4607413950244269, -0.5108690490356833, -0.5111489522697348]);
    Ok(())
}
