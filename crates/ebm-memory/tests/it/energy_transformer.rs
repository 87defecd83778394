//! The Energy Transformer block against its definition, and its descent.

use ebm_core::check::{self};
use ebm_core::lagrangian::LayerNorm;
use ebm_core::random::{fill_normal, stream};
use ebm_core::{
    Batch, BatchMut, Curvature, Energy, Gradient, Jacobian, Outcome, VectorField, Workspace, ode,
};
use ebm_memory::energy_transformer::{
    Attention, AttentionEnergy, Descent, EnergyTransformer, TokenMemoryEnergy,
};
use ebm_memory::{Error, Patterns};

fn normals(count: usize, scale: f64, seed: u64) -> Vec<f64> {
    let mut out = vec![0.0; count];
    fill_normal(&mut stream(seed, 0), &mut out);
    out.iter_mut().for_each(|x| *x *= scale);
    out
}

fn patterns(dim: usize, count: usize, scale: f64, seed: u64) -> Patterns {
    Patterns::new(normals(dim * count, scale, seed), dim).unwrap()
}

const SMALL: Attention = Attention { tokens: 5, dim: 4, heads: 2, head_dim: 3 };

fn small() -> EnergyTransformer {
    let attention = AttentionEnergy::random(SMALL, 0.6, 1).unwrap();
    let norm = LayerNorm::new(0.9, vec![0.1, 0.0, -0.2, 0.05], 1e-3).unwrap();
    EnergyTransformer::new(attention, patterns(4, 7, 0.5, 2), norm).unwrap()
}

#[test]
fn attention_is_its_definition_term_by_term() {
    let (keys, queries) = (normals(24, 0.6, 3), normals(24, 0.6, 4));
    let energy = AttentionEnergy::new(SMALL, keys.clone(), queries.clone()).unwrap();
    let g = normals(20, 1.0, 5);
    let beta = 1.0 / 3f64.sqrt();
    assert_eq!(energy.beta(), beta);
    let project = |w: &[f64], h: usize, token: usize, y: usize| -> f64 {
        (0..4).map(|d| w[h * 12 + d * 3 + y] * g[token * 4 + d]).sum()
    };
    let mut expected = 0.0;
    for h in 0..2 {
        for c in 0..5 {
            let terms = (0..5).filter(|b| *b != c).map(|b| {
                let dot: f64 =
                    (0..3).map(|y| project(&keys, h, b, y) * project(&queries, h, c, y)).sum();
                (beta * dot).exp()
            });
            expected -= terms.sum::<f64>().ln() / beta;
        }
    }
    assert!((energy.energy_at(&g) - expected).abs() < 1e-12);
}

#[test]
fn the_token_memory_is_its_definition_term_by_term() {
    let xi = patterns(4, 7, 0.5, 2);
    let energy = TokenMemoryEnergy::new(xi.clone(), 5).unwrap();
    let g = normals(20, 1.0, 5);
    let mut expected = 0.0;
    for token in g.chunks_exact(4) {
        for mu in 0..7 {
            expected -= 0.5 * (4.0 * xi.overlap(mu, token)).max(0.0).powi(2);
        }
    }
    assert!((energy.energy_at(&g) - expected).abs() < 1e-13);
}

#[test]
fn nothing_allocates() {
    let block = small();
    let (x, v) = (normals(20, 1.0, 6), normals(20, 1.0, 7));
    let states = normals(60, 1.0, 8);
    let (mut out, mut batch) = (vec![0.0; 20], vec![0.0; 60]);
    let mut ws = Workspace::new();
    let mut evaluate = || {
        block.energy_gradient(&x, &mut out, &mut ws);
        block.eval(0.0, &x, &mut out, &mut ws);
        block.jvp(0.0, &x, &v, &mut out, &mut ws);
        block.vjp(0.0, &x, &v, &mut out, &mut ws);
        block.activation_energy().hessian_vec(&x, &v, &mut out, &mut ws);
        let states = Batch::new(&states, 20).unwrap();
        block.eval_batch(&[0.0; 3], states, BatchMut::new(&mut batch, 20).unwrap(), &mut ws);
    };
    evaluate();
    assert_eq!(allocation_counter::measure(evaluate).count_total, 0);
    let count = |max_steps| {
        let descent = Descent { max_steps, ..Descent::default() };
        allocation_counter::measure(|| drop(descent.retrieve(&block, &x).unwrap())).count_total
    };
    assert_eq!(count(1), count(50));
}

/// 12 numbers a token, 2 heads of 6, 24 patterns, 100 tokens.
#[test]
fn updates_of_the_toy_configuration_descend_to_a_bounded_energy() {
    let shape = Attention { tokens: 100, dim: 12, heads: 2, head_dim: 6 };
    let scale = 1.0 / 12f64.sqrt();
    let attention = AttentionEnergy::random(shape, scale, 1).unwrap();
    let xi = patterns(12, 24, scale, 2);
    // Layer norm makes every token shorter than √12.
    let radius = 12f64.sqrt();
    let memory = TokenMemoryEnergy::new(xi.clone(), 100).unwrap();
    let bound = attention.lower_bound(radius) + memory.lower_bound(radius);
    let norm = LayerNorm::new(1.0, vec![0.0; 12], 1e-5).unwrap();
    let block = EnergyTransformer::new(attention, xi, norm).unwrap();

    let x = normals(1200, 1.0, 3);
    let descent = Descent { rate: 0.5, max_steps: 400, ..Descent::default() };
    let end = descent.retrieve(&block, &x).unwrap();
    assert_eq!(end.outcome, Outcome::Reached);
    let found = check::descent(&end.energies, 1e-14).unwrap();
    assert!(found.holds() && found.total_drop > 100.0, "{found:?}");
    assert!((end.energies[400] - block.energy_at(&end.x)).abs() < 1e-9);
    assert!(bound < end.energies[400] && bound > 10.0 * end.energies[400], "{bound}");
}

#[test]
fn permuted_tokens_are_permuted_results() {
    let block = small();
    let x = normals(20, 1.0, 9);
    let order = [3, 0, 4, 1, 2];
    let permuted: Vec<f64> = order.iter().flat_map(|b| &x[4 * b..][..4]).copied().collect();
    assert!((block.energy_at(&x) - block.energy_at(&permuted)).abs() < 1e-13);
    let (dx, dp) = (block.eval_at(0.0, &x), block.eval_at(0.0, &permuted));
    for (position, b) in order.iter().enumerate() {
        for d in 0..4 {
            assert!((dx[4 * b + d] - dp[4 * position + d]).abs() < 1e-13);
        }
    }
}

#[test]
fn the_flow_descends_where_updates_do() {
    let block = small();
    let x = normals(20, 1.0, 10);
    let mut method = ode::TSITOURAS.stepper(20);
    let end = ode::integrate(&block, &mut method, (0.0, 2.0), &x, &ode::Options::default());
    let end = end.unwrap();
    let order = check::observed_order(2e-3, 3, |rate| {
        let euler = Descent { rate, max_steps: (2.0 / rate) as usize, ..Descent::default() };
        let steps = euler.retrieve(&block, &x).unwrap();
        end.x.iter().zip(&steps.x).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    });
    assert!((order.unwrap().finest() - 1.0).abs() < 0.1);
    assert!(block.energy_at(&end.x) < block.energy_at(&x));
}

#[test]
fn bad_input_is_an_error() {
    let ok = || AttentionEnergy::random(SMALL, 0.5, 1).unwrap();
    for bad in [
        Attention { tokens: 1, ..SMALL },
        Attention { tokens: 0, ..SMALL },
        Attention { dim: 0, ..SMALL },
        Attention { heads: 0, ..SMALL },
        Attention { head_dim: 0, ..SMALL },
        Attention { heads: usize::MAX, ..SMALL },
        Attention { tokens: usize::MAX, ..SMALL },
    ] {
        assert!(AttentionEnergy::random(bad, 0.5, 1).is_err(), "{bad:?}");
    }
    assert!(AttentionEnergy::random(SMALL, -0.5, 1).is_err());
    assert!(AttentionEnergy::random(SMALL, f64::NAN, 1).is_err());
    assert!(AttentionEnergy::new(SMALL, vec![0.0; 24], vec![0.0; 23]).is_err());
    assert!(AttentionEnergy::new(SMALL, vec![f64::NAN; 24], vec![0.0; 24]).is_err());
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(ok().with_beta(bad).is_err());
        let x = [0.1; 20];
        assert!(Descent { rate: bad, ..Descent::default() }.retrieve(&small(), &x).is_err());
    }
    assert!(TokenMemoryEnergy::new(patterns(4, 2, 1.0, 1), 0).is_err());
    assert!(TokenMemoryEnergy::new(patterns(4, 2, 1.0, 1), usize::MAX).is_err());
    let norm = |n| LayerNorm::new(1.0, vec![0.0; n], 1e-3).unwrap();
    assert!(EnergyTransformer::new(ok(), patterns(3, 2, 1.0, 1), norm(4)).is_err());
    assert!(EnergyTransformer::new(ok(), patterns(4, 2, 1.0, 1), norm(5)).is_err());
    let run = |x: &[f64]| -> Result<Outcome, Error> {
        Ok(Descent::default().retrieve(&small(), x)?.outcome)
    };
    assert!(run(&[0.1; 19]).is_err());
    assert!(run(&[f64::NAN; 20]).is_err());
    assert!(
        Descent { tolerance: -1.0, ..Descent::default() }.retrieve(&small(), &[0.1; 20]).is_err()
    );
    // Overflow is an outcome.
    let huge = AttentionEnergy::random(SMALL, 1e200, 1).unwrap();
    let huge = EnergyTransformer::new(huge, patterns(4, 2, 1.0, 1), norm(4)).unwrap();
    let end = Descent::default().retrieve(&huge, &normals(20, 1.0, 6)).unwrap();
    assert!(matches!(end.outcome, Outcome::NotFinite { t: 0.0, .. }));
    let quick =
        Descent { tolerance: 1e9, ..Descent::default() }.retrieve(&small(), &[0.1; 20]).unwrap();
    assert_eq!((quick.outcome, quick.energies.len()), (Outcome::Converged, 1));
}
