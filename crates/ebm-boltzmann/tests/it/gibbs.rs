//! Gibbs sampling against the enumerated distribution.

use ebm_boltzmann::{ExactLikelihood, GibbsChains, Layer, Rbm};
use ebm_core::{Batch, Energy, random::stream};
use rand::RngExt;

use crate::{all_states, machine};

const CHAINS: usize = 20_000;
const SWEEPS: usize = 60;
const VISIBLE: usize = 4;

/// `χ²` quantile for 15 degrees of freedom at a false-alarm rate of 1e-6.
const CRITICAL: f64 = 56.49;

/// `Σ (observed − expected)²/expected` of final states of independent chains.
fn chi_square(rbm: &Rbm, states: Batch<'_>) -> f64 {
    let log_partition = ExactLikelihood::new(rbm).unwrap().log_partition(rbm).unwrap();
    let mut counts = [0.0; 1 << VISIBLE];
    for state in states.columns() {
        counts[state.iter().rev().fold(0, |code, s| 2 * code + *s as usize)] += 1.0;
    }
    let all = all_states(VISIBLE);
    let expected = all
        .chunks_exact(VISIBLE)
        .map(|v| states.count() as f64 * (-rbm.energy_at(v) - log_partition).exp());
    counts
        .iter()
        .zip(expected)
        .map(|(n, e)| {
            // The approximation by a χ² law needs cells that are not too rare.
            assert!(e > 20.0, "{e}");
            (n - e) * (n - e) / e
        })
        .sum()
}

#[test]
fn samples_follow_the_enumerated_distribution() {
    let rbm = machine(VISIBLE, 3, 0.9, 4);
    let mut chains = GibbsChains::uniform(&rbm, CHAINS, 11).unwrap();
    chains.sweep(&rbm, SWEEPS).unwrap();
    let found = chi_square(&rbm, chains.visible());
    assert!(found < CRITICAL, "{found}");
}

#[test]
fn the_same_test_catches_a_kernel_that_passes_probabilities_on() {
    // A popular mistake: the hidden layer hands down its probabilities instead
    // of a draw.
    let rbm = machine(VISIBLE, 3, 0.9, 4);
    let start = GibbsChains::uniform(&rbm, CHAINS, 11).unwrap();
    let mut states = start.visible().as_slice().to_vec();
    let mut hidden = vec![0.0; rbm.units(Layer::Hidden) * CHAINS];
    let mut rng = stream(11, 0);
    for _ in 0..SWEEPS {
        rbm.probabilities(Layer::Hidden, &states, &mut hidden);
        rbm.probabilities(Layer::Visible, &hidden, &mut states);
        states.iter_mut().for_each(|p| *p = f64::from(u8::from(rng.random::<f64>() < *p)));
    }
    let found = chi_square(&rbm, Batch::new(&states, VISIBLE).unwrap());
    assert!(found > CRITICAL, "{found}");
}

#[test]
fn a_chain_depends_on_its_stream_alone() {
    let rbm = machine(6, 5, 0.7, 1);
    let start = GibbsChains::uniform(&rbm, 200, 3).unwrap();
    let mut all = start.clone();
    all.sweep(&rbm, 20).unwrap();
    let mut few =
        GibbsChains::new(&rbm, Batch::new(&start.visible().as_slice()[..60], 6).unwrap(), 3);
    // Fresh streams, so compare with chains that also start at `new`.
    let mut many = GibbsChains::new(&rbm, start.visible(), 3).unwrap();
    few.as_mut().unwrap().sweep(&rbm, 20).unwrap();
    many.sweep(&rbm, 20).unwrap();
    let few = few.unwrap();
    assert_eq!(few.visible().as_slice(), &many.visible().as_slice()[..60]);
    assert_eq!(few.hidden().as_slice(), &many.hidden().as_slice()[..50]);
    // A clone continues bit for bit.
    let mut resumed = start.clone();
    resumed.sweep(&rbm, 7).unwrap();
    let mut resumed = resumed.clone();
    resumed.sweep(&rbm, 13).unwrap();
    assert_eq!(resumed, all);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let rbm = machine(20, 10, 0.3, 1);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut chains = GibbsChains::uniform(&rbm, 300, 5).unwrap();
            chains.sweep(&rbm, 10).unwrap();
            chains
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

#[test]
fn rejects_bad_input() {
    let rbm = machine(3, 2, 1.0, 1);
    assert!(GibbsChains::uniform(&rbm, 0, 1).is_err());
    assert!(GibbsChains::uniform(&rbm, usize::MAX, 1).is_err());
    assert!(GibbsChains::new(&rbm, Batch::new(&[1.0, 0.5, 0.0], 3).unwrap(), 1).is_err());
    assert!(GibbsChains::new(&rbm, Batch::new(&[1.0, f64::NAN, 0.0], 3).unwrap(), 1).is_err());
    assert!(GibbsChains::new(&rbm, Batch::new(&[1.0, 0.0], 2).unwrap(), 1).is_err());
    let mut chains = GibbsChains::uniform(&rbm, 2, 1).unwrap();
    assert!(chains.sweep(&machine(4, 2, 1.0, 1), 1).is_err());
    assert!(chains.sweep(&machine(3, 4, 1.0, 1), 1).is_err());
}
