//! Layered memories: energy and derivatives, descent, limits, equivalences.

mod learning;

use ebm_core::check::{self, finite_difference as fd};
use ebm_core::coupling::DenseCoupling;
use ebm_core::lagrangian::{Elementwise, LayerNorm, LogSumExp, Spherical};
use ebm_core::network::{Activation, Hopfield, SymmetricNetwork};
use ebm_core::ode::{self, Options, Tolerance};
use ebm_core::random::{fill_normal, stream};
use ebm_core::{Batch, Energy, Gradient, Lyapunov, VectorField, Workspace};
use ebm_memory::layered::{
    DenseSynapse, FastLayer, LateralSynapse, Layer, LayeredMemory, MultilinearSynapse,
};
use ebm_memory::{LogSumExpMemory, Patterns, Similarity};
use proptest::prelude::*;

fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut out = vec![0.0; count];
    fill_normal(&mut stream(seed, 0), &mut out);
    out
}

fn patterns(dim: usize, count: usize, scale: f64, seed: u64) -> Patterns {
    let data = normals(dim * count, seed).iter().map(|x| scale * x).collect();
    Patterns::new(data, dim).unwrap()
}

fn tanh(dim: usize) -> Elementwise {
    Elementwise::new(dim, Activation::Tanh { gain: 1.3 }).unwrap()
}

fn symmetric(dim: usize, seed: u64) -> DenseCoupling {
    let entries = normals(dim * dim, seed);
    DenseCoupling::from_fn(dim, |i, j| 0.4 * entries[i.min(j) * dim + i.max(j)]).unwrap()
}

/// Four patterns of length 6, no two of them orthogonal.
fn stored() -> Patterns {
    patterns(6, 4, 1.0, 3)
}

/// Every layer and synapse occurs, in chains, loops and hyperedges.
pub(crate) fn zoo() -> Vec<LayeredMemory> {
    let xi = stored();
    let logistic = || Elementwise::new(4, Activation::Logistic { gain: 2.0 }).unwrap();
    let deep = || {
        LayeredMemory::new(vec![
            Layer::new(tanh(5)).with_input(vec![0.2, -0.1, 0.0, 0.3, 0.1]).unwrap(),
            Layer::new(logistic()).with_time_constant(0.4).unwrap(),
            Layer::new(LogSumExp::new(3, 2.0).unwrap()).with_time_constant(0.1).unwrap(),
            Layer::new(LayerNorm::new(0.7, vec![0.1, 0.0, -0.1], 0.1).unwrap()),
        ])
        .unwrap()
        .connect(DenseSynapse::random(5, 4, 0.6, 1).unwrap(), &[0, 1])
        .unwrap()
        .connect(DenseSynapse::random(3, 4, 0.6, 2).unwrap(), &[2, 1])
        .unwrap()
        .connect(LateralSynapse::new(symmetric(5, 4)), &[0])
        .unwrap()
    };
    let hyperedge = MultilinearSynapse::new(&[
        &patterns(5, 2, 0.5, 5),
        &patterns(4, 2, 0.5, 6),
        &patterns(3, 2, 0.5, 7),
    ])
    .unwrap();
    vec![
        LayeredMemory::model_a(&xi, 0.8, 3.0, 0.1).unwrap(),
        LayeredMemory::model_b(&xi, 2.0, 0.1).unwrap(),
        LayeredMemory::model_c(&xi, 3.0, 0.1).unwrap(),
        LayeredMemory::model_a(&xi, 0.8, 3.0, 0.1).unwrap().eliminate(1).unwrap(),
        deep().connect(hyperedge.clone(), &[0, 1, 3]).unwrap(),
        deep().eliminate(1).unwrap().clamp(1).unwrap(),
        deep()
            .connect(hyperedge, &[0, 1, 2])
            .unwrap()
            .connect(DenseSynapse::random(4, 4, 0.3, 9).unwrap(), &[1, 1])
            .unwrap()
            .clamp(0)
            .unwrap(),
        LayeredMemory::new(vec![Layer::new(Spherical::new(6, 1.2, 0.1).unwrap())])
            .unwrap()
            .connect(FastLayer::new(&xi, LogSumExp::new(4, 1.5).unwrap()).unwrap(), &[0])
            .unwrap(),
    ]
}

#[test]
fn a_clamped_layer_stands_still() {
    for memory in zoo() {
        let x = normals(memory.dim(), 40);
        let dx = memory.eval_at(0.0, &x);
        for layer in 0..memory.layers().len() {
            let still = dx[memory.range(layer)].iter().all(|dx| *dx == 0.0);
            assert_eq!(still, memory.is_clamped(layer));
        }
    }
}

/// A layer of `dim` neurons of one of the six kinds.
fn layer(kind: usize, dim: usize, tau: f64) -> Layer {
    let elementwise = |activation| Layer::new(Elementwise::new(dim, activation).unwrap());
    let layer = match kind {
        0 => elementwise(Activation::Linear),
        1 => elementwise(Activation::Tanh { gain: 1.5 }),
        2 => elementwise(Activation::Logistic { gain: 3.0 }),
        3 => Layer::new(LogSumExp::new(dim, 2.0).unwrap()),
        4 => Layer::new(Spherical::new(dim, 1.0, 0.1).unwrap()),
        _ => Layer::new(LayerNorm::new(0.5, vec![0.1; dim], 0.1).unwrap()),
    };
    layer.with_time_constant(tau).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any layers, joined by any dense synapses and one of three bodies.
    #[test]
    fn every_hypergraph_descends_at_the_stated_rate(
        kinds in prop::collection::vec((0usize..6, 1usize..5, 0.1f64..2.0), 1..5),
        joins in prop::collection::vec((0usize..100, 0usize..100), 0..5),
        bodies in prop::array::uniform3(0usize..100),
        seed in 0u64..1000,
    ) {
        let dims: Vec<usize> = kinds.iter().map(|(_, dim, _)| *dim).collect();
        let layers = kinds.iter().map(|(kind, dim, tau)| layer(*kind, *dim, *tau)).collect();
        let mut memory = LayeredMemory::new(layers).unwrap();
        for (a, b) in joins {
            let (a, b) = (a % dims.len(), b % dims.len());
            let synapse = DenseSynapse::random(dims[a], dims[b], 0.5, seed).unwrap();
            memory = memory.connect(synapse, &[a, b]).unwrap();
        }
        let bodies = bodies.map(|l| l % dims.len());
        let factors = bodies.map(|l| patterns(dims[l], 2, 0.5, seed));
        let synapse = MultilinearSynapse::new(&factors.each_ref()).unwrap();
        memory = memory.connect(synapse, &bodies).unwrap();

        let x = normals(memory.dim(), seed + 1);
        let rate = fd::lyapunov_rate(&memory, &x).unwrap();
        prop_assert!(rate.relative < 1e-7, "{rate:?}");
        prop_assert!(rate.found <= 0.0);
        prop_assert!(fd::gradient(&memory, &x).unwrap().relative < 1e-7);
        prop_assert!(fd::jvp(&memory, 0.0, &x, &normals(memory.dim(), seed + 2)).unwrap().relative < 1e-7);
    }
}

/// State at time 1 from visible state `v`, with hidden neurons at rest at the
/// start.
fn at_one(memory: &LayeredMemory, x0: &[f64]) -> Vec<f64> {
    let tolerance = Tolerance { rtol: 1e-10, atol: 1e-12 };
    let options = Options { tolerance, ..Options::default() };
    let mut method = ode::TSITOURAS.stepper(memory.dim());
    let end = ode::integrate(memory, &mut method, (0.0, 1.0), x0, &options).unwrap();
    assert!(end.outcome.is_success());
    end.x
}

#[test]
fn a_hidden_layer_that_is_fast_is_eliminated_to_first_order() {
    let signs = Patterns::random_signs(6, 4, 3).unwrap();
    let models: [&dyn Fn(f64) -> LayeredMemory; 3] = [
        &|tau| LayeredMemory::model_a(&signs, 0.8, 3.0, tau).unwrap(),
        &|tau| LayeredMemory::model_b(&signs, 2.0, tau).unwrap(),
        &|tau| LayeredMemory::model_c(&signs, 3.0, tau).unwrap(),
    ];
    let v: Vec<f64> = normals(6, 8).iter().map(|v| 0.5 * v).collect();
    for model in models {
        let limit = at_one(&model(1.0).eliminate(1).unwrap(), &v);
        let order = check::observed_order(0.004, 3, |tau| {
            let memory = model(tau);
            let g = memory.activations(&memory.state(&[(0, &v)]).unwrap());
            let h: Vec<f64> = (0..4).map(|mu| 6.0 * signs.overlap(mu, &g[..6])).collect();
            let end = at_one(&memory, &memory.state(&[(0, &v), (1, &h)]).unwrap());
            let gap = end.iter().zip(&limit).map(|(a, b)| (a - b).abs());
            gap.fold(0.0, f64::max)
        });
        let order = order.unwrap();
        assert!((order.finest() - 1.0).abs() < 0.1, "{order:?}");
    }
}

#[test]
fn elimination_minimizes_the_energy_over_the_hidden_activations() {
    // At h = I + Ξᵀg the energies agree, and any other h lies above.
    let memory = || LayeredMemory::model_a(&patterns(6, 4, 0.5, 3), 0.8, 3.0, 0.1).unwrap();
    let fast = memory().eliminate(1).unwrap();
    let memory = memory();
    let v = normals(6, 11);
    let state = memory.state(&[(0, &v)]).unwrap();
    let rest: Vec<f64> = {
        let dx = memory.eval_at(0.0, &state);
        dx[6..].iter().map(|dh| 0.1 * dh).collect()
    };
    let low = memory.energy_at(&memory.state(&[(0, &v), (1, &rest)]).unwrap());
    assert!((low - fast.energy_at(&v)).abs() < 1e-13);
    for seed in 0..20 {
        let other: Vec<f64> = rest.iter().zip(normals(4, seed)).map(|(h, z)| h + 0.5 * z).collect();
        let state = memory.state(&[(0, &v), (1, &other)]).unwrap();
        assert!(memory.energy_at(&state) >= low - 1e-14);
    }
}

#[test]
fn fast_model_b_is_the_log_sum_exp_memory() {
    let signs = Patterns::random_signs(6, 4, 3).unwrap();
    let fast = LayeredMemory::model_b(&signs, 1.7, 0.1).unwrap().eliminate(1).unwrap();
    let one_layer = LogSumExpMemory::new(signs, 1.7, Similarity::DotProduct).unwrap();
    for seed in 0..5 {
        let x = normals(6, seed);
        assert!((fast.energy_at(&x) - one_layer.energy_at(&x)).abs() < 1e-13);
        for (dx, slope) in fast.eval_at(0.0, &x).iter().zip(one_layer.gradient_at(&x)) {
            assert!((dx + slope).abs() < 1e-13);
        }
    }
}

#[test]
fn fast_models_a_and_c_are_polynomial_memories() {
    let signs = Patterns::random_signs(6, 4, 3).unwrap();
    let a = LayeredMemory::model_a(&signs, 0.8, 3.0, 0.1).unwrap().eliminate(1).unwrap();
    let c = LayeredMemory::model_c(&signs, 4.0, 0.1).unwrap().eliminate(1).unwrap();
    let sum = |g: &[f64], n: i32| -> f64 {
        let terms = signs.as_batch().columns().map(|p| {
            let overlap: f64 = p.iter().zip(g).map(|(p, g)| p * g).sum();
            overlap.max(0.0).powi(n) / f64::from(n)
        });
        terms.sum()
    };
    let v = normals(6, 12);
    let g: Vec<f64> = v.iter().map(|v| (0.8 * v).tanh()).collect();
    let layer: f64 = v.iter().zip(&g).map(|(v, g)| v * g - (0.8 * v).cosh().ln() / 0.8).sum();
    assert!((a.energy_at(&v) - (layer - sum(&g, 3))).abs() < 1e-12);
    // ‖v‖ is homogeneous: its Legendre transform vanishes, up to ε.
    let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let g: Vec<f64> = v.iter().map(|v| v / length).collect();
    assert!((c.energy_at(&v) + sum(&g, 4)).abs() < 1e-5);
}

#[test]
fn a_lateral_synapse_on_a_tanh_layer_is_the_continuous_hopfield_network() {
    let activation = Activation::Tanh { gain: 1.3 };
    let bias = vec![0.1, -0.2, 0.3, 0.0, 0.2];
    let layered = LayeredMemory::new(vec![Layer::new(tanh(5)).with_input(bias.clone()).unwrap()])
        .unwrap()
        .connect(LateralSynapse::new(symmetric(5, 4)), &[0])
        .unwrap();
    let network = SymmetricNetwork::new(symmetric(5, 4), bias, activation).unwrap();
    let hopfield = Hopfield(network);
    let x = normals(5, 13);
    for (a, b) in layered.eval_at(0.0, &x).iter().zip(hopfield.eval_at(0.0, &x)) {
        assert!((a - b).abs() < 1e-14);
    }
    let ws = &mut Workspace::new();
    assert!((layered.lyapunov(&x, ws) - hopfield.lyapunov(&x, ws)).abs() < 1e-13);
}

#[test]
fn multilinear_synapses_contain_dense_and_polynomial_ones() {
    let xi = patterns(5, 3, 1.0, 14);
    let unit = Patterns::new((0..9).map(|k| f64::from(u8::from(k % 4 == 0))).collect(), 3).unwrap();
    let layers = || vec![Layer::new(tanh(5)), Layer::new(tanh(3))];
    let dense = LayeredMemory::new(layers())
        .unwrap()
        .connect(DenseSynapse::from_patterns(&xi), &[0, 1])
        .unwrap();
    let multilinear = LayeredMemory::new(layers())
        .unwrap()
        .connect(MultilinearSynapse::new(&[&xi, &unit]).unwrap(), &[0, 1])
        .unwrap();
    let x = normals(8, 15);
    assert!((dense.energy_at(&x) - multilinear.energy_at(&x)).abs() < 1e-14);

    let cubic = LayeredMemory::new(vec![Layer::new(tanh(5))])
        .unwrap()
        .connect(MultilinearSynapse::new(&[&xi, &xi, &xi]).unwrap(), &[0, 0, 0])
        .unwrap();
    let free = LayeredMemory::new(vec![Layer::new(tanh(5))]).unwrap();
    let g = cubic.activations(&x[..5]);
    let sum: f64 = (0..3).map(|mu| (5.0 * xi.overlap(mu, &g)).powi(3)).sum();
    assert!((free.energy_at(&x[..5]) - sum - cubic.energy_at(&x[..5])).abs() < 1e-13);
}

#[test]
fn bad_input_is_an_error() {
    let signs = Patterns::random_signs(6, 4, 3).unwrap();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(LayeredMemory::model_a(&signs, bad, 3.0, 0.1).is_err());
        assert!(LayeredMemory::model_a(&signs, 1.0, bad, 0.1).is_err());
        assert!(LayeredMemory::model_b(&signs, bad, 0.1).is_err());
        assert!(LayeredMemory::model_c(&signs, 3.0, bad).is_err());
        assert!(Layer::new(tanh(2)).with_time_constant(bad).is_err());
    }
    assert!(Layer::new(tanh(2)).with_input(vec![1.0]).is_err());
    assert!(Layer::new(tanh(2)).with_input(vec![1.0, f64::NAN]).is_err());
    assert!(LayeredMemory::new(vec![]).is_err());
    assert!(DenseSynapse::new(vec![1.0; 5], 2).is_err());
    assert!(DenseSynapse::new(vec![], 2).is_err());
    assert!(DenseSynapse::new(vec![f64::NAN], 1).is_err());
    assert!(DenseSynapse::random(2, 0, 1.0, 1).is_err());
    assert!(DenseSynapse::random(usize::MAX, 2, 1.0, 1).is_err());
    assert!(DenseSynapse::random(2, 2, f64::NAN, 1).is_err());
    assert!(MultilinearSynapse::new(&[]).is_err());
    assert!(MultilinearSynapse::new(&[&signs, &patterns(6, 3, 1.0, 1)]).is_err());
    assert!(FastLayer::new(&signs, tanh(6)).is_err());

    let b = || LayeredMemory::model_b(&signs, 1.0, 0.1).unwrap();
    let dense = || DenseSynapse::from_patterns(&signs);
    assert!(b().connect(dense(), &[0]).is_err());
    assert!(b().connect(dense(), &[1, 0]).is_err());
    let message = b().connect(dense(), &[0, 2]).unwrap_err().to_string();
    assert_eq!(message, "layer: index 2 is out of range, expected less than 2");
    assert!(b().clamp(2).is_err());
    assert!(b().state(&[(0, &[1.0; 4])]).is_err());
    assert!(b().state(&[(1, &[f64::NAN; 4])]).is_err());
    assert!(b().state(&[(2, &[1.0; 4])]).is_err());
    assert!(b().states(0, Batch::new(&[1.0; 4], 4).unwrap()).is_err());
    assert!(b().set_parameters(&[1.0; 23]).is_err());
    assert!(b().set_parameters(&[f64::INFINITY; 24]).is_err());

    // Only a free layer with dense synapses to others can be eliminated.
    assert!(b().eliminate(2).is_err());
    assert!(b().clamp(1).unwrap().eliminate(1).is_err());
    assert!(b().eliminate(1).unwrap().eliminate(0).is_err());
    let cubic = MultilinearSynapse::new(&[&signs, &signs]).unwrap();
    assert!(b().connect(cubic, &[0, 0]).unwrap().eliminate(0).is_err());
    let looped = DenseSynapse::random(4, 4, 1.0, 1).unwrap();
    assert!(b().connect(looped, &[1, 1]).unwrap().eliminate(1).is_err());
}

#[test]
fn parameters_are_read_and_replaced() {
    for mut memory in zoo() {
        let before = memory.parameters();
        assert_eq!(before.len(), memory.parameter_count());
        let x = normals(memory.dim(), 16);
        let energy = memory.energy_at(&x);
        let changed: Vec<f64> = before.iter().map(|p| 0.5 * p - 0.1).collect();
        memory.set_parameters(&changed).unwrap();
        assert_eq!(memory.parameters(), changed);
        assert_ne!(memory.energy_at(&x), energy);
        memory.set_parameters(&before).unwrap();
        assert_eq!(memory.energy_at(&x), energy);
    }
}
