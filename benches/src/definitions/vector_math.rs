//! Elementary functions over slices against the standard library's, one by one.
//!
//! Claim: `exp`, `tanh` and `sin_cos` take at most 1/2.5 of the time of the
//! standard library's on a machine with AVX2.
//!
//! Analysis: the standard library calls the C library for every element, 5 to
//! 30 ns each. The bodies here have no branches, so that the compiler runs 4
//! (`f64`) or 8 (`f32`) at once; a polynomial of degree 6 to 13 is 20 to 40
//! operations. The slice stays in the nearest cache. The C library's
//! single-precision functions are short: there the gain is largest in tanh.

use std::error::Error;
use std::hint::black_box;

use ebm_core::vector_math::{self, Level, VectorMath};

use crate::benchmark::{Benchmark, Findings, Settings};
use crate::graph::uniform;
use crate::measure::contest;

/// Elements of a slice.
const LEN: usize = 1024;

pub(crate) fn benchmark() -> Benchmark {
    Benchmark {
        id: "core/vector-math",
        claim: "exp, tanh and sin_cos over slices are at least 2.5 times as fast as the standard \
                library's one by one",
        target: "the standard library's time / ours: at least 2.5",
        unit: "the standard library's time / ours",
        run,
    }
}

fn run(settings: &Settings) -> Result<Findings, Box<dyn Error>> {
    let mut findings = Findings::default();
    function::<f64>(settings, &mut findings, "exp f64", f64::exp, vector_math::exp);
    function::<f64>(settings, &mut findings, "tanh f64", f64::tanh, vector_math::tanh);
    function::<f32>(settings, &mut findings, "exp f32", f32::exp, vector_math::exp);
    function::<f32>(settings, &mut findings, "tanh f32", f32::tanh, vector_math::tanh);
    sin_cos::<f64>(settings, &mut findings, "sin_cos f64", f64::sin_cos);
    sin_cos::<f32>(settings, &mut findings, "sin_cos f32", f32::sin_cos);
    findings.note = format!(
        "One thread, slices of {LEN} arguments uniform in [-5, 5), instruction set {:?}.",
        Level::detect()
    );
    Ok(findings)
}

fn arguments<T: VectorMath>() -> Vec<T> {
    uniform::<f64>(LEN, 1).into_iter().map(|x| T::from_f64(5.0 * x)).collect()
}

fn report(findings: &mut Findings, name: &str, measured: &crate::measure::Contest) {
    let each = |which| 1e9 * measured.median(which) / LEN as f64;
    findings.peer(format!("{name}, standard library"), each(0), "ns");
    findings.row(name, each(1), "ns");
    findings.ratio(name, measured.ratio(0, 1), 2.5);
}

fn function<T: VectorMath>(
    settings: &Settings,
    findings: &mut Findings,
    name: &str,
    standard: impl Fn(T) -> T,
    vector: impl Fn(&[T], &mut [T]),
) {
    let x = arguments::<T>();
    let (mut a, mut b) = (x.clone(), x.clone());
    let measured = contest(
        settings,
        &mut [
            &mut || {
                for (a, x) in a.iter_mut().zip(black_box(&x[..])) {
                    *a = standard(*x);
                }
            },
            &mut || vector(black_box(&x[..]), &mut b),
        ],
    );
    report(findings, name, &measured);
}

fn sin_cos<T: VectorMath>(
    settings: &Settings,
    findings: &mut Findings,
    name: &str,
    standard: impl Fn(T) -> (T, T),
) {
    let x = arguments::<T>();
    let (mut sin, mut cos) = (x.clone(), x.clone());
    let (mut sines, mut cosines) = (x.clone(), x.clone());
    let measured = contest(
        settings,
        &mut [
            &mut || {
                for ((sin, cos), x) in sin.iter_mut().zip(&mut cos).zip(black_box(&x[..])) {
                    (*sin, *cos) = standard(*x);
                }
            },
            &mut || vector_math::sin_cos(black_box(&x[..]), &mut sines, &mut cosines),
        ],
    );
    report(findings, name, &measured);
}
