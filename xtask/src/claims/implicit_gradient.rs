//! Learning through the fixed point: the implicit gradient is right, and it
//! teaches a layered memory to complete patterns.

use std::error::Error;

use ebm_core::Batch;
use ebm_core::lagrangian::Elementwise;
use ebm_core::network::Activation;
use ebm_core::random::{fill_normal, stream};
use ebm_memory::layered::{DenseSynapse, ImplicitGradient, Layer, SettleReport, SquaredError};
use ebm_memory::{LayeredMemory, Patterns, Retrieved};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

const KNOWN: usize = 24;
const UNKNOWN: usize = 12;
const HIDDEN: usize = 30;
const PATTERNS: usize = 20;
const RATE: f64 = 0.2;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/implicit-gradient",
        crate_name: "ebm-memory",
        claim: "The gradient of a retrieval loss through the fixed point is that of finite \
                differences, and following it teaches a layered memory to complete patterns",
        source: "L. B. Almeida, ICNN (1987); F. J. Pineda, Phys. Rev. Lett. 59 (1987), 2229; S. \
                 Bai et al., arXiv 1909.01377",
        target: "relative difference at most 1e-6 in 10 random directions, before and after \
                 learning; every entry of 20 patterns of 36 completed from 24 after 300 steps",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (steps, directions) = if settings.quick { (5, 2) } else { (300, 10) };
    let known = Patterns::random_signs(KNOWN, PATTERNS, 1)?;
    let unknown = Patterns::random_signs(UNKNOWN, PATTERNS, 2)?;
    let tanh = |dim| Elementwise::new(dim, Activation::Tanh { gain: 1.0 });
    let mut memory = LayeredMemory::new(vec![
        Layer::new(Elementwise::new(KNOWN, Activation::Linear)?),
        Layer::new(tanh(HIDDEN)?),
        Layer::new(tanh(UNKNOWN)?),
    ])?
    .connect(DenseSynapse::random(KNOWN, HIDDEN, 0.2, 3)?, &[0, 1])?
    .connect(DenseSynapse::random(HIDDEN, UNKNOWN, 0.2, 4)?, &[1, 2])?
    .clamp(0)?;
    let cues = memory.states(0, known.as_batch())?;
    let cues = cues.as_batch();
    let loss = SquaredError::new(&memory, 2, unknown.as_batch())?;
    let implicit = ImplicitGradient::default();

    let mut worst = deviation(&mut memory, cues, &loss, directions)?;
    let (mut losses, mut wrong) = (Vec::new(), Vec::new());
    for step in 0..=steps {
        let found = implicit.gradient(&memory, cues, &loss)?;
        losses.push((step as f64, found.loss));
        wrong.push((step as f64, 100.0 * errors(&memory, &found.settled, &unknown)));
        let mut parameters = memory.parameters();
        for (p, slope) in parameters.iter_mut().zip(&found.gradient) {
            *p -= RATE * slope;
        }
        memory.set_parameters(&parameters)?;
    }
    worst = larger(worst, deviation(&mut memory, cues, &loss, directions)?);

    let (first, last) = (losses[0].1, losses[steps].1);
    let remaining = wrong[steps].1;
    let pass = worst <= 1e-6 && last < first && (settings.quick || remaining == 0.0);
    let measured = format!(
        "deviation {worst:.0e}; loss {first:.2} → {last:.4}; wrong entries {:.0} % → {remaining:.1} %",
        wrong[0].1,
    );
    let line = |name: &str, points| Series { name: name.into(), points, mark: Mark::Line };
    let figure = Figure::Panels(vec![
        Figure::Plot(Plot {
            title: "Loss of what the memory retrieves".into(),
            x: Axis { label: "learning step".into(), log: false },
            y: Axis { label: "squared error of a pattern".into(), log: true },
            series: vec![line("loss", losses)],
        }),
        Figure::Plot(Plot {
            title: "Unknown entries completed wrongly".into(),
            x: Axis { label: "learning step".into(), log: false },
            y: Axis { label: "wrong entries in %".into(), log: false },
            series: vec![line("wrong", wrong)],
        }),
    ]);
    Ok(Finding { measured, pass, figure })
}

/// Share of the unknown entries whose sign is wrong.
fn errors(memory: &LayeredMemory, settled: &Retrieved<SettleReport>, unknown: &Patterns) -> f64 {
    let mut right = 0;
    for (x, pattern) in settled.states().columns().zip(unknown.as_batch().columns()) {
        let x = &x[memory.range(2)];
        right += x.iter().zip(pattern).filter(|(x, p)| **x * **p > 0.0).count();
    }
    1.0 - right as f64 / (UNKNOWN * PATTERNS) as f64
}

/// Largest relative difference to five-point differences along random
/// directions in the space of the parameters.
fn deviation(
    memory: &mut LayeredMemory,
    cues: Batch<'_>,
    loss: &SquaredError<'_>,
    directions: u64,
) -> Result<f64, Box<dyn Error>> {
    let implicit = ImplicitGradient::default();
    let parameters = memory.parameters();
    let gradient = implicit.gradient(memory, cues, loss)?.gradient;
    let h = 1e-4;
    let mut worst = 0.0;
    for index in 0..directions {
        let mut direction = vec![0.0; parameters.len()];
        fill_normal(&mut stream(5, index), &mut direction);
        let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
        let slope: f64 = direction.iter().zip(&gradient).map(|(d, g)| d * g).sum::<f64>() / length;
        let mut difference = 0.0;
        for (shift, weight) in [(h, 8.0), (-h, -8.0), (2.0 * h, -1.0), (-2.0 * h, 1.0)] {
            let moved: Vec<f64> =
                parameters.iter().zip(&direction).map(|(p, d)| p + shift * d / length).collect();
            memory.set_parameters(&moved)?;
            difference += weight * implicit.gradient(memory, cues, loss)?.loss / (12.0 * h);
        }
        worst = larger(worst, (difference - slope).abs() / slope.abs().max(1e-2));
    }
    memory.set_parameters(&parameters)?;
    Ok(worst)
}
