//! Langevin dynamics of the double well samples its Gibbs law.
//!
//! ```text
//! dx = −E′(x) dt + √(2T) dW,    E = x⁴/4 − x²/2,    p(x) = exp(−E(x)/T) / Z
//! ```

use std::error::Error;
use std::ops::ControlFlow;

use ebm_core::flow::Langevin;
use ebm_core::problems::DoubleWell;
use ebm_core::sde::{self, Options, StochasticRungeKutta};
use ebm_core::{Batch, Energy, Observer, Snapshot};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings};

const TEMPERATURE: f64 = 0.3;
/// Time after which the walkers, which start at the minima, are in equilibrium.
const TRANSIENT: f64 = 8.0;
const END: f64 = 16.0;
const BINS: usize = 60;
const RANGE: f64 = 2.4;

/// The claim.
pub(crate) fn claim() -> Claim {
    Claim {
        id: "core/langevin-moments",
        crate_name: "ebm-core",
        claim: "Langevin sampling of the double well at T = 0.3 reproduces ⟨x²⟩ and ⟨x⁴⟩ of its \
                Gibbs law; noise √T in place of √(2T) does not",
        source: "quadrature of exp(−E/T)",
        target: "⟨x²⟩ = 0.8405, ⟨x⁴⟩ = 1.1405 within 4 standard errors; ⟨x⁴⟩ with √T outside",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let walkers = if settings.quick { 1000 } else { 16_000 };
    let sample = sample(TEMPERATURE, walkers)?;
    // Noise of amplitude √T is that of half the temperature.
    let control = self::sample(TEMPERATURE / 2.0, walkers)?;
    let exact = [2, 4].map(gibbs_moment);
    let deviation = |sample: &Sample, m: usize| (sample.means[m] - exact[m]) / sample.errors[m];
    let [square, quartic] = [0, 1].map(|m| deviation(&sample, m));
    let wrong = deviation(&control, 1);
    Ok(Finding {
        measured: format!(
            "⟨x²⟩ = {:.4} ± {:.4} ({square:+.1} s.e.), ⟨x⁴⟩ = {:.4} ± {:.4} ({quartic:+.1} s.e.); \
             ⟨x⁴⟩ with √T: {wrong:+.0} s.e.",
            sample.means[0], sample.errors[0], sample.means[1], sample.errors[1],
        ),
        pass: square.abs() < 4.0 && quartic.abs() < 4.0 && wrong.abs() > 4.0,
        figure: figure(&sample),
    })
}

/// What the walkers saw.
struct Sample {
    /// `⟨x²⟩` and `⟨x⁴⟩`.
    means: [f64; 2],
    /// Their standard errors, from the spread over independent walkers.
    errors: [f64; 2],
    /// Visits of each bin of `[−RANGE, RANGE]`, as a density.
    density: Vec<f64>,
}

fn sample(temperature: f64, walkers: usize) -> Result<Sample, ebm_core::Error> {
    let field = Langevin::new(DoubleWell::default(), temperature)?;
    let start: Vec<f64> = (0..walkers).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let options = Options { step: 0.025, seed: 1, ..Options::default() };
    let x0 = Batch::new(&start, 1)?;
    let run =
        sde::integrate_batch(&field, &StochasticRungeKutta, (0.0, END), x0, &options, |walkers| {
            Tally {
                first: walkers.start,
                sums: vec![[0.0; 2]; walkers.len()],
                visits: [0.0; BINS],
                samples: 0.0,
            }
        })?;

    let per_walker = run.observers[0].samples / run.observers[0].sums.len() as f64;
    let moments = [0, 1].map(|m| {
        let sums = run.observers.iter().flat_map(|tally| &tally.sums);
        mean_and_error(&sums.map(|sums| sums[m] / per_walker).collect::<Vec<_>>())
    });
    let samples: f64 = run.observers.iter().map(|tally| tally.samples).sum();
    let width = 2.0 * RANGE / BINS as f64;
    let density = (0..BINS)
        .map(|bin| run.observers.iter().map(|tally| tally.visits[bin]).sum::<f64>())
        .map(|visits| visits / (samples * width))
        .collect();
    Ok(Sample {
        means: moments.map(|(mean, _)| mean),
        errors: moments.map(|(_, error)| error),
        density,
    })
}

/// Sums over time of `x²` and `x⁴` of each walker of a block, and where they
/// all have been.
struct Tally {
    first: usize,
    sums: Vec<[f64; 2]>,
    visits: [f64; BINS],
    samples: f64,
}

impl Observer for Tally {
    fn observe(&mut self, now: &Snapshot<'_>) -> ControlFlow<()> {
        if now.t > TRANSIENT {
            let x = now.x[0];
            let sums = &mut self.sums[now.trajectory - self.first];
            *sums = [sums[0] + x.powi(2), sums[1] + x.powi(4)];
            self.samples += 1.0;
            let bin = (x + RANGE) / (2.0 * RANGE) * BINS as f64;
            if (0.0..BINS as f64).contains(&bin) {
                self.visits[bin as usize] += 1.0;
            }
        }
        ControlFlow::Continue(())
    }
}

fn mean_and_error(samples: &[f64]) -> (f64, f64) {
    let n = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / n;
    let square = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    (mean, (square / (n - 1.0) / n).sqrt())
}

/// `exp(−E(x)/T)`.
fn weight(x: f64) -> f64 {
    (-DoubleWell::default().energy_at(&[x]) / TEMPERATURE).exp()
}

/// `∫ f exp(−E/T) dx` by the trapezoidal rule, which converges geometrically
/// for integrands that vanish at both ends with all their derivatives.
fn integral(f: impl Fn(f64) -> f64) -> f64 {
    let step = 2e-3;
    (-2000..=2000).map(|i| f64::from(i) * step).map(|x| f(x) * weight(x)).sum::<f64>() * step
}

fn gibbs_moment(power: i32) -> f64 {
    integral(|x| x.powi(power)) / integral(|_| 1.0)
}

fn figure(sample: &Sample) -> Figure {
    let z = integral(|_| 1.0);
    let center = |bin: usize| RANGE * ((2 * bin + 1) as f64 / BINS as f64 - 1.0);
    let curve = (0..=240).map(|i| RANGE * (f64::from(i) / 120.0 - 1.0));
    Figure::Plot(Plot {
        title: "Double well at T = 0.3: where the walkers are".into(),
        x: Axis { label: "x".into(), log: false },
        y: Axis { label: "probability density".into(), log: false },
        series: vec![
            Series {
                name: "Langevin samples".into(),
                points: (0..BINS).map(|bin| (center(bin), sample.density[bin])).collect(),
                mark: Mark::Bars,
            },
            Series {
                name: "exp(−E/T)/Z".into(),
                points: curve.map(|x| (x, weight(x) / z)).collect(),
                mark: Mark::Reference,
            },
        ],
    })
}
