//! The toy Energy Transformer descends to a bounded energy.

use std::error::Error;

use ebm_core::check::descent;
use ebm_core::lagrangian::LayerNorm;
use ebm_core::random::{fill_normal, stream};
use ebm_core::{Energy, Gradient};
use ebm_memory::Patterns;
use ebm_memory::energy_transformer::{
    Attention, AttentionEnergy, Descent, EnergyTransformer, TokenMemoryEnergy,
};

use crate::claim::{Axis, Claim, Figure, Finding, Mark, Plot, Series, Settings, larger};

const SHAPE: Attention = Attention { tokens: 100, dim: 12, heads: 2, head_dim: 6 };
const MEMORIES: usize = 24;
const RATE: f64 = 0.5;
/// Rounding of a sum over tokens and memories, relative to the energy.
const RISE: f64 = 1e-14;

pub(crate) fn claim() -> Claim {
    Claim {
        id: "memory/energy-transformer",
        crate_name: "ebm-memory",
        claim: "Updates of the Energy Transformer never raise its energy, which stays bounded",
        source: "B. Hoover et al., Energy Transformer, arXiv 2302.07253; toy configuration with \
                 tokens of 12, 2 heads of 6, 24 memories, 100 tokens",
        target: "largest rise of E over 3000 updates at α = 0.5 at most 1e-14 of |E|, and E above \
                 its analytic lower bound, for 3 random blocks; fall over the last tenth below \
                 0.5 % of the whole",
        run,
    }
}

fn run(settings: &Settings) -> Result<Finding, Box<dyn Error>> {
    let (blocks, steps) = if settings.quick { (1, 200) } else { (3, 3000) };
    let scale = 1.0 / (SHAPE.dim as f64).sqrt();
    let (mut pass, mut largest, mut tail, mut fraction) = (true, f64::NEG_INFINITY, 0.0, 0.0);
    let (mut curves, mut parts) = (Vec::new(), Vec::new());
    for seed in 0..blocks {
        let attention = AttentionEnergy::random(SHAPE, scale, seed)?;
        let mut xi = vec![0.0; SHAPE.dim * MEMORIES];
        fill_normal(&mut stream(seed, 1000), &mut xi);
        xi.iter_mut().for_each(|w| *w *= scale);
        let memory = Patterns::new(xi, SHAPE.dim)?;
        let token_memory = TokenMemoryEnergy::new(memory.clone(), SHAPE.tokens)?;
        // Layer norm with γ = 1 makes every token shorter than √D.
        let radius = (SHAPE.dim as f64).sqrt();
        let bound = attention.lower_bound(radius) + token_memory.lower_bound(radius);
        let norm = LayerNorm::new(1.0, vec![0.0; SHAPE.dim], 1e-5)?;
        let block = EnergyTransformer::new(attention.clone(), memory, norm)?;

        let mut x = vec![0.0; block.dim()];
        fill_normal(&mut stream(seed, 1001), &mut x);
        let end =
            Descent { rate: RATE, max_steps: steps, ..Descent::default() }.retrieve(&block, &x)?;
        let found = descent(&end.energies, RISE)?;
        let last = end.energies[end.energies.len() - 1];
        let late = end.energies[end.energies.len() * 9 / 10];
        largest = larger(largest, found.largest_rise);
        tail = larger(tail, (late - last) / found.total_drop);
        fraction = larger(fraction, last / bound);
        pass &= end.outcome.is_success()
            && found.holds()
            && end.energies.iter().all(|e| *e > bound)
            && (settings.quick || late - last <= 5e-3 * found.total_drop);
        let points = |values: &[f64]| {
            // Evenly on a logarithmic axis.
            let mut at: Vec<usize> =
                (0..=120).map(|k| (steps as f64).powf(f64::from(k) / 120.0) as usize).collect();
            at.dedup();
            at.iter().map(|k| (*k as f64, values[*k])).collect::<Vec<_>>()
        };
        curves.push(Series {
            name: format!("block {}", seed + 1),
            points: points(&end.energies),
            mark: Mark::Line,
        });
        if seed == 0 {
            let g = block.norm().gradient_at(&end.x);
            let g0 = block.norm().gradient_at(&x);
            parts.push(("attention", attention.energy_at(&g0), attention.energy_at(&g)));
            parts.push(("memory", token_memory.energy_at(&g0), token_memory.energy_at(&g)));
        }
    }
    let shares: Vec<String> =
        parts.iter().map(|(name, from, to)| format!("{name} {from:.0} → {to:.0}")).collect();
    let measured = format!(
        "largest rise {largest:.0e}; last tenth {:.2} % of the fall; E at most {:.0} % of its bound; \
         block 1: {}",
        100.0 * tail,
        100.0 * fraction,
        shares.join(", "),
    );
    let figure = Figure::Plot(Plot {
        title: "The energy of 100 tokens under repeated updates".into(),
        x: Axis { label: "updates".into(), log: true },
        y: Axis { label: "energy".into(), log: false },
        series: curves,
    });
    Ok(Finding { measured, pass, figure })
}
