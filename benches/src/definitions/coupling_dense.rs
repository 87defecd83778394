//! The dense coupling against faer's own product on the same shapes.
//!
//! Claim: a batch costs no more than 1.25 times the matrix product inside it
//! (80 % of faer's rate), and a single state no more than 1.1 times faer's
//! matrix–vector product.
//!
//! Analysis: the batch form packs the matrix once, where faer copies it into the
//! order of its kernel at every product; that shows where columns are few. Our
//! copy is made at the first call, before any is timed. The single form reads
//! the lower triangle only, so that it gains up to a factor of two where memory
//! is the limit (the matrix is larger than the cache), and has nothing to gain
//! where it is not.
//! Shapes: the replicas of an Ising machine (16), a block of Hopfield
//! trajectories (128), a batch of Boltzmann units (784 × 100).

use std::error::Error;
use std::hint::black_box;

use ebm_core::coupling::DenseCoupling;
use ebm_core::faer::linalg::matmul::matmul;
use ebm_core::faer::{Accum, Mat, MatMut, MatRef, Par};
use ebm_core::{Batch, BatchMut, Coupling, Real, Workspace};

use crate::benchmark::{Benchmark, Findings, Settings};
use crate::graph::uniform;
use crate::measure::contest;

pub(crate) fn benchmark() -> Benchmark {
    Benchmark {
        id: "core/coupling-dense",
        claim: "A dense coupling applies a batch at 80 % or more of the rate of faer's matrix \
                product, and a single state at 90 % or more of its matrix-vector product",
        target: "faer's time / ours: at least 0.8 for batches, 0.9 for single states",
        unit: "faer's time / ours",
        run,
    }
}

fn run(settings: &Settings) -> Result<Findings, Box<dyn Error>> {
    let mut findings = Findings::default();
    let batches = [(100, 16), (500, 128), (784, 100), (2000, 16)];
    let singles = [64, 200, 500, 2000];
    let (batches, singles) =
        if settings.quick { (&batches[..2], &singles[..3]) } else { (&batches[..], &singles[..]) };
    for (n, count) in batches {
        shape::<f32>(settings, &mut findings, "f32", *n, *count, 0.8)?;
        shape::<f64>(settings, &mut findings, "f64", *n, *count, 0.8)?;
    }
    for n in singles {
        shape::<f32>(settings, &mut findings, "f32", *n, 1, 0.9)?;
        shape::<f64>(settings, &mut findings, "f64", *n, 1, 0.9)?;
    }
    findings.note = "One thread. Rates count 2 n² operations a state.".into();
    Ok(findings)
}

fn shape<T: Real>(
    settings: &Settings,
    findings: &mut Findings,
    scalar: &str,
    n: usize,
    count: usize,
    target: f64,
) -> Result<(), Box<dyn Error>> {
    let values = uniform::<T>(n * n, 1);
    let coupling = DenseCoupling::from_fn(n, |i, j| values[i + j * n])?;
    let matrix = Mat::from_fn(n, n, |i, j| coupling.column(j)[i]);
    let x = uniform::<T>(n * count, 2);
    let mut out = vec![T::ZERO; n * count];
    let mut faer_out = out.clone();
    let mut ws = Workspace::new();
    let measured = contest(
        settings,
        &mut [
            &mut || {
                let x = black_box(&x[..]);
                if count == 1 {
                    coupling.apply(x, &mut out, &mut ws);
                } else if let (Ok(x), Ok(out)) = (Batch::new(x, n), BatchMut::new(&mut out, n)) {
                    coupling.apply_batch(x, out, &mut ws);
                }
            },
            &mut || {
                let x = MatRef::from_column_major_slice(black_box(&x[..]), n, count);
                let out = MatMut::from_column_major_slice_mut(&mut faer_out, n, count);
                matmul(out, Accum::Replace, matrix.as_ref(), x, T::ONE, Par::Seq);
            },
        ],
    );
    let rate = |which| 2e-9 * (n * n * count) as f64 / measured.median(which);
    let name = format!("{scalar}, {n} × {n} times {n} × {count}");
    findings.row(&name, rate(0), "GFLOP/s");
    findings.peer(format!("faer, {name}"), rate(1), "GFLOP/s");
    findings.ratio(name, measured.ratio(1, 0), target);
    Ok(())
}
