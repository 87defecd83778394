//! Tests against an independent reference in double-double arithmetic.

mod double_double;

use double_double::{self as reference, DD};
use rand::RngExt;
use rayon::prelude::*;

use super::*;
use crate::random::stream;

const LEVELS: [Level; 3] = [Level::Baseline, Level::Avx2, Level::Avx512];

/// Stated bounds, in ulp: exp, tanh, logistic, softplus, sin and cos.
const DOUBLE: [f64; 5] = [1.0, 1.5, 2.5, 3.0, 1.0];
const SINGLE: [f64; 5] = [1.0, 1.5, 2.5, 3.0, 1.0];

type InPlace<T> = fn(Level, &mut [T]);

fn functions<T: VectorMath>() -> [InPlace<T>; 4] {
    [T::exp_at, T::tanh_at, T::logistic_at, T::softplus_at]
}

/// Distance from `|x|` to the next larger double, at least the smallest one.
fn ulp(x: f64) -> f64 {
    let x = x.abs();
    f64::from_bits(x.to_bits() + 1) - x
}

fn error(found: f64, exact: DD) -> f64 {
    (((found - exact.0) - exact.1) / ulp(exact.0)).abs()
}

/// Largest error of `function` over 250 000 points, in ulp.
fn largest(
    function: InPlace<f64>,
    exact: fn(f64) -> DD,
    point: impl Fn(u64, f64) -> f64 + Sync,
) -> f64 {
    (0..1000u64)
        .into_par_iter()
        .map(|block| {
            let mut rng = stream(1, block);
            let x: Vec<f64> = (0..250).map(|_| point(block, rng.random::<f64>())).collect();
            let mut y = x.clone();
            function(Level::detect(), &mut y);
            x.iter().zip(&y).map(|(x, y)| error(*y, exact(*x))).fold(0.0, f64::max)
        })
        .reduce(|| 0.0, f64::max)
}

/// Half of the points in `±wide`, half with magnitudes spread over the binades
/// from 2⁻²⁰ to 2⁵.
fn spread(wide: f64) -> impl Fn(u64, f64) -> f64 + Sync {
    move |block, u| {
        let v = 2.0 * u - 1.0;
        if block % 2 == 0 { v * wide } else { v.signum() * (2f64).powf(25.0 * v.abs() - 20.0) }
    }
}

#[test]
fn the_reference_agrees_with_forty_digit_values() {
    let close = |found: DD, high: f64, low: f64| {
        assert_eq!(found.0, high);
        assert!((found.1 - low).abs() < 1e-10 * low.abs() + 1e-28 * high.abs(), "{found:?} {low}");
    };
    close(reference::exp(-5.7), 0.003345965457471272, 1.4595586249428473e-19);
    close(reference::tanh(0.3), 0.2913126124515909, -6.4602656586469586e-18);
    close(reference::softplus(-2.25), 0.10020655891674721, 4.617843949796547e-18);
    close(reference::logistic(-1.5), 0.18242552380635635, -8.506488503282418e-18);
    let (sin, cos) = reference::sin_cos(1e5);
    close(sin, 0.03574879797201651, 1.5429743706109861e-18);
    close(cos, -0.9993608074382124, -2.3447088905187402e-17);
}

#[test]
fn double_precision_errors_lie_within_the_stated_bounds() {
    let found = [
        largest(f64::exp_at, reference::exp, spread(690.0)),
        largest(f64::tanh_at, reference::tanh, spread(3.0)),
        largest(f64::logistic_at, reference::logistic, spread(40.0)),
        largest(f64::softplus_at, reference::softplus, spread(40.0)),
    ];
    for (value, bound) in found.iter().zip(DOUBLE) {
        assert!(*value <= bound, "{found:?} exceed {DOUBLE:?}");
    }
}

fn sin_cos_error(x: &[f64]) -> f64 {
    let (mut sin, mut cos) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    sin_cos(x, &mut sin, &mut cos);
    let mut largest = 0.0f64;
    for ((x, s), c) in x.iter().zip(&sin).zip(&cos) {
        let exact = reference::sin_cos(*x);
        largest = largest.max(error(*s, exact.0)).max(error(*c, exact.1));
    }
    largest
}

#[test]
fn sine_and_cosine_hold_their_bound_near_every_multiple_of_a_quarter_turn() {
    let random = (0..1000u64)
        .into_par_iter()
        .map(|block| {
            let mut rng = stream(2, block);
            let point = spread(if block % 4 == 0 { 524_288.0 } else { 10.0 });
            let x: Vec<f64> = (0..500).map(|_| point(block, rng.random())).collect();
            sin_cos_error(&x)
        })
        .reduce(|| 0.0, f64::max);
    // The doubles around kπ/2, where nearly all digits cancel.
    let hard = (0..333u64)
        .into_par_iter()
        .map(|block| {
            let ks = block * 1000..(block + 1) * 1000;
            let x: Vec<f64> = ks.map(|k| k as f64 * std::f64::consts::FRAC_PI_2).collect();
            sin_cos_error(&x)
        })
        .reduce(|| 0.0, f64::max);
    assert!(random <= DOUBLE[4] && hard <= DOUBLE[4], "{random} {hard}");
}

#[test]
fn gradual_underflow_rounds_once_more_at_most() {
    let smallest = f64::from_bits(1);
    for i in 0..37_000 {
        let x = -708.2 - 1e-3 * f64::from(i);
        let mut y = [x, x, x];
        f64::exp_at(Level::detect(), &mut y[..1]);
        f64::logistic_at(Level::detect(), &mut y[1..2]);
        f64::softplus_at(Level::detect(), &mut y[2..]);
        let (k, p) = reference::exp_m1_reduced(x);
        // In units of the smallest double.
        let exact = DD::from(1.0).add(p).scale(2f64.powi(k + 1074));
        for y in y {
            let found = y * 2f64.powi(537) * 2f64.powi(537);
            let error = ((found - exact.0) - exact.1).abs() / ulp(exact.0).max(1.0);
            assert!(error <= 1.0, "{x}: {error} of {smallest}");
        }
    }
}

/// Largest error over every 2003rd bit pattern, in ulp of `f32`.
fn largest_single(function: InPlace<f32>, exact: fn(f64) -> f64) -> f64 {
    (0..1u32 << 12)
        .into_par_iter()
        .map(|block| {
            let x: Vec<f32> = (block << 20..=(block << 20 | 0xf_ffff))
                .step_by(2003)
                .map(f32::from_bits)
                .filter(|x| !x.is_nan())
                .collect();
            let mut y = x.clone();
            function(Level::detect(), &mut y);
            x.iter()
                .zip(&y)
                .map(|(x, y)| error_single(*y, exact(f64::from(*x))))
                .fold(0.0, f64::max)
        })
        .reduce(|| 0.0, f64::max)
}

fn error_single(found: f32, exact: f64) -> f64 {
    if exact.is_nan() {
        return if found.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let nearest = exact as f32;
    if !nearest.is_finite() || nearest == found {
        // Rounding is right, which allows half an ulp.
        return if nearest == found { 0.5 } else { f64::INFINITY };
    }
    let magnitude = nearest.abs();
    let ulp = f64::from(f32::from_bits(magnitude.to_bits() + 1)) - f64::from(magnitude);
    ((f64::from(found) - exact) / ulp).abs()
}

#[test]
fn single_precision_errors_lie_within_the_stated_bounds() {
    let sine: InPlace<f32> = |level, x| {
        let y = x.to_vec();
        f32::sin_cos_at(level, &y, x, &mut vec![0.0; y.len()]);
    };
    let cosine: InPlace<f32> = |level, x| {
        let y = x.to_vec();
        f32::sin_cos_at(level, &y, &mut vec![0.0; y.len()], x);
    };
    let logistic =
        |x: f64| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) };
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let found = [
        largest_single(f32::exp_at, f64::exp),
        largest_single(f32::tanh_at, f64::tanh),
        largest_single(f32::logistic_at, logistic),
        largest_single(f32::softplus_at, softplus),
        largest_single(sine, f64::sin).max(largest_single(cosine, f64::cos)),
    ];
    for (value, bound) in found.iter().zip(SINGLE) {
        assert!(*value <= bound, "{found:?} exceed {SINGLE:?}");
    }
}

fn edges<T: VectorMath + PartialEq>(tiny: T, largest: T) {
    let (inf, nan) = (-T::NEG_INFINITY, T::NAN);
    let x = [T::ZERO, -T::ZERO, tiny, -tiny, largest, -largest, inf, -inf, nan];
    let half = T::from_f64(0.5);
    let ln_2 = T::from_f64(std::f64::consts::LN_2);
    let one = T::ONE;
    let zero = T::ZERO;
    let expected = [
        [one, one, one, one, inf, zero, inf, zero],
        [zero, -zero, tiny, -tiny, one, -one, one, -one],
        [half, half, half, half, one, zero, one, zero],
        [ln_2, ln_2, ln_2, ln_2, largest, zero, inf, zero],
    ];
    for level in LEVELS {
        for (function, expected) in functions::<T>().into_iter().zip(expected) {
            let mut y = x;
            function(level, &mut y);
            // As text, which tells −0 from 0.
            assert_eq!(format!("{:?}", &y[..8]), format!("{expected:?}"));
            assert!(y[8].to_f64().is_nan());
        }
        let (mut sin, mut cos) = ([zero; 9], [zero; 9]);
        T::sin_cos_at(level, &x, &mut sin, &mut cos);
        assert_eq!(format!("{:?}", &sin[..4]), format!("{:?}", [zero, -zero, tiny, -tiny]));
        assert_eq!(cos[..4], [one; 4]);
        // Far beyond the range of the reduction: as the standard library says.
        assert_eq!((sin[4], cos[4]), largest.sin_cos_far());
        assert_eq!((sin[5], cos[5]), (-sin[4], cos[4]));
        for i in 6..9 {
            assert!(sin[i].to_f64().is_nan() && cos[i].to_f64().is_nan());
        }
    }
}

#[test]
fn edges_have_their_limits_and_signs() {
    edges(f64::from_bits(1), f64::MAX);
    edges(f32::from_bits(1), f32::MAX);
    let mut y = [709.782712893384, 709.782712893385, -745.133219101941, -745.13321910195];
    exp_in_place(&mut y);
    assert!(y[0].is_finite() && y[1] == f64::INFINITY && y[2] > 0.0 && y[3] == 0.0, "{y:?}");
}

#[test]
fn softplus_is_monotone_and_has_no_jump_at_zero() {
    let x: Vec<f64> = (-200_000..=200_000).map(|i| f64::from(i) * 1e-8).collect();
    let mut y = vec![0.0; x.len()];
    softplus(&x, &mut y);
    for (pair, x) in y.windows(2).zip(&x) {
        let slope = (pair[1] - pair[0]) / 1e-8;
        assert!((slope - 0.5).abs() < 2e-3, "slope {slope} at {x}");
    }
}

fn same_bits<T: VectorMath>(bits: fn(T) -> u64) {
    let mut rng = stream(3, 0);
    let x: Vec<T> =
        (0..1003).map(|i| T::from_f64((rng.random::<f64>() - 0.5) * f64::from(i))).collect();
    let all = |level: Level, x: &[T]| -> Vec<u64> {
        let mut out = Vec::new();
        for function in functions::<T>() {
            let mut y = x.to_vec();
            function(level, &mut y);
            out.extend(y.into_iter().map(bits));
        }
        let (mut sin, mut cos) = (x.to_vec(), x.to_vec());
        T::sin_cos_at(level, x, &mut sin, &mut cos);
        out.extend(sin.into_iter().chain(cos).map(bits));
        let mut y = x.to_vec();
        out.push(bits(T::log_sum_exp_at(level, x)));
        out.push(bits(T::softmax_at(level, &mut y)));
        out.extend(y.into_iter().map(bits));
        out
    };
    let baseline = all(Level::Baseline, &x);
    for level in LEVELS {
        assert_eq!(baseline, all(level, &x), "{level:?}");
    }
    // Alone or in a slice, an element gives the same.
    let mut together = x.clone();
    T::tanh_at(Level::detect(), &mut together);
    for (x, y) in x.iter().zip(together) {
        let mut alone = [*x];
        T::tanh_at(Level::detect(), &mut alone);
        assert_eq!(bits(alone[0]), bits(y));
    }
}

#[test]
fn every_level_and_position_gives_the_same_bits() {
    same_bits::<f64>(f64::to_bits);
    same_bits::<f32>(|x| u64::from(x.to_bits()));
}

#[test]
fn log_sum_exp_and_softmax_agree_with_double_double_sums() {
    for n in [1, 2, 15, 16, 17, 255, 256, 257, 5000] {
        let mut rng = stream(4, n as u64);
        for shift in [0.0, -1e4, 1e4] {
            let x: Vec<f64> = (0..n).map(|_| shift + 20.0 * rng.random::<f64>()).collect();
            let sum = x.iter().fold(DD::from(0.0), |s, x| s.add(reference::exp(x - shift)));
            // Shifting rounds; put the shifted values back in relation to that.
            let exact = shift + sum.0.ln();
            let found = log_sum_exp(&x);
            let rounding = 8.0 * f64::EPSILON * (1.0 + exact.abs());
            assert!((found - exact).abs() <= rounding, "{n} {shift}: {found} {exact}");
            let mut weights = vec![0.0; n];
            assert_eq!(softmax(&x, &mut weights), found);
            for (w, x) in weights.iter().zip(&x) {
                let exact = reference::exp(x - shift).div(sum).0;
                assert!((w / exact - 1.0).abs() < 30.0 * f64::EPSILON, "{w} {exact}");
            }
        }
    }
}

#[test]
fn log_sum_exp_and_softmax_have_the_right_limits() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    assert_eq!(log_sum_exp::<f64>(&[]), -inf);
    assert_eq!(log_sum_exp(&[-inf, -inf]), -inf);
    assert_eq!(log_sum_exp(&[-inf, 3.0]), 3.0);
    assert_eq!(log_sum_exp(&[inf, -inf, 0.0]), inf);
    for bad in [[nan, 1.0, 2.0], [1.0, nan, inf], [-inf, nan, -inf], [nan, nan, nan]] {
        assert!(log_sum_exp(&bad).is_nan());
        let mut out = [0.0; 3];
        assert!(softmax(&bad, &mut out).is_nan());
        assert!(out.iter().all(|w| w.is_nan()), "{out:?}");
    }
    let mut out = [0.0; 4];
    assert_eq!(softmax(&[inf, 0.0, inf, -inf], &mut out), inf);
    assert_eq!(out, [0.5, 0.0, 0.5, 0.0]);
    assert_eq!(softmax(&[-inf, -inf], &mut out[..2]), -inf);
    assert!(out[0].is_nan() && out[1].is_nan());
    assert_eq!(softmax(&[f64::MAX, -f64::MAX], &mut out[..2]), f64::MAX);
    assert_eq!(out[..2], [1.0, 0.0]);
    assert_eq!(softmax_in_place::<f32>(&mut []), f32::NEG_INFINITY);
}

#[test]
fn the_shorter_length_counts() {
    let mut out = [7.0; 300];
    tanh(&[0.0; 257], &mut out);
    assert_eq!(out[..257], [0.0; 257]);
    assert_eq!(out[257..], [7.0; 43]);
    exp(&[0.0; 400], &mut out);
    assert_eq!(out, [1.0; 300]);
    let (mut sin, mut cos) = ([7.0; 3], [7.0; 2]);
    sin_cos(&[0.0; 3], &mut sin, &mut cos);
    assert_eq!((sin, cos), ([0.0, 0.0, 7.0], [1.0, 1.0]));
}

#[test]
fn nothing_allocates() {
    let mut x = [0.5; 1000];
    let (mut sin, mut cos) = ([0.0; 1000], [0.0; 1000]);
    let counted = allocation_counter::measure(|| {
        exp_in_place(&mut x);
        softplus_in_place(&mut x);
        sin_cos(&x, &mut sin, &mut cos);
        softmax_in_place(&mut x);
    });
    assert_eq!(counted.count_total, 0);
}
