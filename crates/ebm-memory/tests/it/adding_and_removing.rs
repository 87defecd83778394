//! Patterns that come and go leave no trace: a dense memory is at every moment
//! the one made of the patterns that it holds, to the bit.

use std::fmt::Debug;

use ebm_core::{Batch, Real};
use ebm_memory::{
    DiscreteMemory, DiscretePairs, Error, FenchelYoungMemory, Interaction, KeyValueMemory,
    LogSumExpMemory, Patterns, RegularizedArgmax, SignPatterns, Similarity,
};

const DIM: usize = 7;
const COUNT: usize = 12;

/// Around `mean`, so that squared distances are taken relative to it or not.
fn patterns<T: Real>(mean: f64) -> Patterns<T> {
    let spherical = Patterns::spherical(DIM, COUNT, 3).unwrap();
    let data = spherical.as_batch().as_slice().iter().map(|x| T::from_f64(mean + x)).collect();
    Patterns::new(data, DIM).unwrap()
}

fn all_but(out: usize) -> Vec<usize> {
    (0..COUNT).filter(|mu| *mu != out).collect()
}

/// `change` fails and changes nothing.
#[track_caller]
fn refused<M: Clone + PartialEq + Debug>(
    memory: &mut M,
    change: impl FnOnce(&mut M) -> Result<(), Error>,
) {
    let before = memory.clone();
    assert!(change(memory).is_err());
    assert_eq!(*memory, before);
}

fn log_sum_exp<T: Real>(mean: f64, similarity: Similarity, weighted: bool) {
    let all = patterns::<T>(mean);
    // The last one weighs as any would.
    let weight = |mu: usize| if mu < COUNT - 1 { 0.1 * mu as f64 - 0.3 } else { 0.0 };
    let rate = |mu: usize| if mu < COUNT - 1 { 0.5 + 0.1 * mu as f64 } else { 0.7 };
    let made = |of: &[usize]| {
        let memory = LogSumExpMemory::new(all.subset(of).unwrap(), 0.7, similarity).unwrap();
        if !weighted {
            return memory;
        }
        let weights: Vec<f64> = of.iter().map(|mu| weight(*mu)).collect();
        let rates: Vec<f64> = of.iter().map(|mu| rate(*mu)).collect();
        let memory = memory.with_log_priors(&weights).unwrap();
        memory.with_inverse_temperatures(&rates).unwrap()
    };
    let every: Vec<usize> = (0..COUNT).collect();
    let mut memory = made(&[0]);
    for mu in 1..COUNT - 1 {
        if weighted {
            memory.add_weighted(all.pattern(mu), weight(mu), rate(mu)).unwrap();
        } else {
            memory.add(all.pattern(mu)).unwrap();
        }
    }
    let before = memory.clone();
    assert_eq!(memory, made(&every[..COUNT - 1]));
    memory.add(all.pattern(COUNT - 1)).unwrap();
    assert_eq!(memory, made(&every));
    for out in [0, 5, COUNT - 1] {
        let mut fewer = memory.clone();
        fewer.remove(out).unwrap();
        assert_eq!(fewer, made(&all_but(out)));
    }
    memory.remove(COUNT - 1).unwrap();
    assert_eq!(memory, before);

    let mut together = made(&[0, 1, 2]);
    together.extend(all.subset(&[COUNT - 1]).unwrap().as_batch()).unwrap();
    assert_eq!(together, made(&[0, 1, 2, COUNT - 1]));
    // Down to one, which has no spread at all.
    for _ in 0..3 {
        together.remove(0).unwrap();
    }
    assert_eq!(together, made(&[COUNT - 1]));
    refused(&mut together, |m| m.remove(0));

    let one = T::ONE;
    refused(&mut memory, |m| m.remove(COUNT - 1));
    refused(&mut memory, |m| m.add(&[one; DIM + 1]));
    refused(&mut memory, |m| m.add(&[T::from_f64(f64::NAN); DIM]));
    refused(&mut memory, |m| m.add(&[T::from_f64(1e30); DIM].map(|x| x * x * x * x * x * x)));
    refused(&mut memory, |m| m.extend(Batch::new(&[], DIM).unwrap()));
    refused(&mut memory, |m| m.extend(Batch::new(&[one; 8], 8).unwrap()));
    for bad in [f64::NAN, f64::INFINITY] {
        refused(&mut memory, |m| m.add_weighted(&[one; DIM], bad, 1.0));
    }
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(&mut memory, |m| m.add_weighted(&[one; DIM], 0.0, bad));
    }
}

#[test]
fn log_sum_exp_memories() {
    for similarity in [Similarity::DotProduct, Similarity::SquaredDistance, Similarity::Manhattan] {
        for weighted in [false, true] {
            for mean in [0.0, 1e3] {
                log_sum_exp::<f32>(mean, similarity, weighted);
            }
            for mean in [0.0, 1e8] {
                log_sum_exp::<f64>(mean, similarity, weighted);
            }
        }
    }
}

#[test]
fn weights_that_are_those_of_all_leave_no_trace() {
    let memory = LogSumExpMemory::new(patterns::<f64>(0.0), 0.7, Similarity::DotProduct).unwrap();
    let plain = memory.clone();
    let memory = memory.with_log_priors(&[0.0; COUNT]).unwrap();
    let mut memory = memory.with_inverse_temperatures(&[0.7; COUNT]).unwrap();
    assert_eq!(memory, plain);
    memory.add_weighted(&[0.1; DIM], 2.0, 1.4).unwrap();
    memory.remove(COUNT).unwrap();
    assert_eq!(memory, plain);
}

fn sparse<T: Real>(mean: f64, similarity: Similarity, map: RegularizedArgmax) {
    let all = patterns::<T>(mean);
    let made = |of: &[usize]| {
        FenchelYoungMemory::new(all.subset(of).unwrap(), 0.7, similarity, map).unwrap()
    };
    let every: Vec<usize> = (0..COUNT).collect();
    let mut memory = made(&[0, 1, 2]);
    refused(&mut memory, |m| m.add(&[T::from_f64(f64::NAN); DIM]));
    refused(&mut memory, |m| m.add(&[T::ONE; DIM + 1]));
    refused(&mut memory, |m| m.extend(Batch::new(&[], DIM).unwrap()));
    refused(&mut memory, |m| m.remove(3));
    if map.winners() == 3 {
        let found = memory.clone().remove(0).unwrap_err().to_string();
        assert!(found.starts_with("k is 3, expected"), "{found}");
        refused(&mut memory, |m| m.remove(0));
    }
    memory.add(all.pattern(3)).unwrap();
    memory.extend(all.subset(&every[4..]).unwrap().as_batch()).unwrap();
    assert_eq!(memory, made(&every));
    for out in [0, 5, COUNT - 1] {
        let mut fewer = memory.clone();
        fewer.remove(out).unwrap();
        assert_eq!(fewer, made(&all_but(out)));
        fewer.add(all.pattern(out)).unwrap();
        fewer.remove(COUNT - 1).unwrap();
        assert_eq!(fewer, made(&all_but(out)));
    }
}

#[test]
fn sparse_memories() {
    for map in [RegularizedArgmax::Sparsemax, RegularizedArgmax::KSubset { k: 3 }] {
        for similarity in [Similarity::DotProduct, Similarity::SquaredDistance] {
            for mean in [0.0, 1e3] {
                sparse::<f32>(mean, similarity, map);
            }
            for mean in [0.0, 1e8] {
                sparse::<f64>(mean, similarity, map);
            }
        }
    }
}

#[test]
fn discrete_memories() {
    let all = Patterns::random_signs(128, 70, 3).unwrap();
    let bits = |of: &[usize]| SignPatterns::new(&all.subset(of).unwrap()).unwrap();
    let every: Vec<usize> = (0..70).collect();
    // At degree 8 sums over 64 patterns and more need 128 bits.
    for interaction in [
        Interaction::Polynomial { degree: 3 },
        Interaction::RectifiedPolynomial { degree: 8 },
        Interaction::Exponential { beta: 0.3 },
    ] {
        let made = |of: &[usize]| DiscreteMemory::new(bits(of), interaction).unwrap();
        let mut memory = made(&every[..60]);
        for mu in 60..70 {
            memory.add(all.pattern(mu)).unwrap();
            assert_eq!(memory, made(&every[..=mu]));
        }
        refused(&mut memory, |m| m.add(&[1.0; 127]));
        refused(&mut memory, |m| m.add(&[0.0; 128]));
        refused(&mut memory, |m| m.add(&[f64::NAN; 128]));
        refused(&mut memory, |m| m.remove(70));
        for mu in (60..70).rev() {
            memory.remove(mu).unwrap();
            assert_eq!(memory, made(&every[..mu]));
        }
        memory.remove(0).unwrap();
        assert_eq!(memory, made(&every[1..60]));
        refused(&mut made(&[0]), |m| m.remove(0));
    }
    // 2^126 is reached by the fourth pattern.
    let largest = Interaction::Polynomial { degree: 124 };
    let mut memory = DiscreteMemory::new(SignPatterns::random(2, 3, 1).unwrap(), largest).unwrap();
    refused(&mut memory, |m| m.add(&[1.0; 2]));
}

#[test]
fn pairs() {
    let (keys, values) = (patterns::<f32>(1e3), patterns::<f32>(0.0));
    let made = |of: &[usize]| {
        let keys = keys.subset(of).unwrap();
        let keys = LogSumExpMemory::new(keys, 0.7, Similarity::SquaredDistance).unwrap();
        KeyValueMemory::new(keys, values.subset(of).unwrap()).unwrap()
    };
    let every: Vec<usize> = (0..COUNT).collect();
    let mut memory = made(&every[..COUNT - 1]);
    memory.add(keys.pattern(COUNT - 1), values.pattern(COUNT - 1)).unwrap();
    assert_eq!(memory, made(&every));
    memory.remove(4).unwrap();
    assert_eq!(memory, made(&all_but(4)));
    let good = [1.0_f32; DIM];
    refused(&mut memory, |m| m.add(&good[1..], &good));
    refused(&mut memory, |m| m.add(&good, &good[1..]));
    refused(&mut memory, |m| m.add(&[f32::NAN; DIM], &good));
    refused(&mut memory, |m| m.add(&good, &[f32::INFINITY; DIM]));
    refused(&mut memory, |m| m.remove(COUNT - 1));
    refused(&mut made(&[0]), |m| m.remove(0));

    let keys = Patterns::random_signs(70, 66, 1).unwrap();
    let values = Patterns::random_signs(5, 66, 2).unwrap();
    let bits =
        |of: &Patterns, some: &[usize]| SignPatterns::new(&of.subset(some).unwrap()).unwrap();
    let made = |of: &[usize]| {
        let cubic = Interaction::Polynomial { degree: 3 };
        DiscretePairs::new(bits(&keys, of), &bits(&values, of), cubic).unwrap()
    };
    let every: Vec<usize> = (0..66).collect();
    let mut pairs = made(&every[..63]);
    for mu in 63..66 {
        pairs.add(keys.pattern(mu), values.pattern(mu)).unwrap();
    }
    assert_eq!(pairs, made(&every));
    pairs.remove(0).unwrap();
    assert_eq!(pairs, made(&every[1..]));
    refused(&mut pairs, |p| p.add(&[1.0; 69], &[1.0; 5]));
    refused(&mut pairs, |p| p.add(&[1.0; 70], &[1.0; 4]));
    refused(&mut pairs, |p| p.add(&[0.5; 70], &[1.0; 5]));
    refused(&mut pairs, |p| p.add(&[1.0; 70], &[f64::NAN; 5]));
    refused(&mut pairs, |p| p.remove(65));
    refused(&mut made(&[3]), |p| p.remove(0));
}
