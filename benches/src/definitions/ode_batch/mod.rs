//! A batch of trajectories against single runs and other integrators.
//!
//! Claim: 64 trajectories of a dense Hopfield network with 512 neurons, at a
//! relative tolerance of 1e-6, run at least 5 times as fast in a batch as one
//! after the other, and at least 3 times as fast as with diffsol, ode_solvers
//! and scipy, at an error no larger.
//!
//! Analysis: one evaluation for one trajectory reads all of `W`, 2 MiB, from
//! the third-level cache to do 2 N² flops, and is bound by that transfer in
//! every library; our own product reads half of it, because `W` is symmetric,
//! and so makes the single runs, against which the batch is measured, about
//! twice as fast as a plain product. For 64 columns the same transfer serves
//! one matrix product, which runs near the arithmetic limit. What remains is
//! the elementwise work of tanh and of the stages, and the narrower products
//! at the end, when most trajectories are done. Peers run one trajectory after
//! the other on the field as one writes it with faer and std, and once more on
//! our field, which separates the integrator from the product. Everything but
//! the batch without the words `one thread` runs on one; the batch is cut into
//! two blocks of 32. scipy uses numpy's product and tanh.

use std::error::Error;
use std::time::Instant;

use ebm_core::coupling::DenseCoupling;
use ebm_core::network::{Activation, Hopfield, SymmetricNetwork};
use ebm_core::ode::{self, BatchControl, Options, Solution, Tableau, Tolerance};
use ebm_core::{Batch, Outcome, VectorField, random};

use crate::benchmark::{Benchmark, Findings, Row, Settings};
use crate::measure::Contest;
use plain_field::PlainField;

#[cfg(feature = "peers")]
mod peers;
mod plain_field;
mod scipy;

/// Neurons.
const N: usize = 512;
/// Trajectories.
const COUNT: usize = 64;
/// Stored patterns.
const PATTERNS: usize = 25;
const SPAN: (f64, f64) = (0.0, 20.0);
const TOLERANCE: Tolerance = Tolerance { rtol: 1e-6, atol: 1e-9 };

type Field = Hopfield<DenseCoupling>;

pub(crate) fn benchmark() -> Benchmark {
    Benchmark {
        id: "core/ode-batch",
        claim: "64 trajectories of a Hopfield network with 512 neurons run 5 times as fast in a \
                batch as one by one, and 3 times as fast as with other integrators",
        target: "at least 5 against own single runs, at least 3 against each peer, at an error no \
                 larger than the peer's",
        unit: "trajectories per second / those of the other",
        run,
    }
}

/// The problem that all contestants solve.
struct Problem {
    field: Field,
    weights: Vec<f64>,
    starts: Vec<f64>,
    /// Final states by DOP853 at a tolerance of 1e-13.
    reference: Vec<f64>,
}

impl Problem {
    fn new() -> Result<Self, Box<dyn Error>> {
        let mut rng = random::stream(1, 0);
        let mut patterns = vec![0.0; N * PATTERNS];
        random::fill_signs(&mut rng, &mut patterns);
        let mut weights = vec![0.0; N * N];
        for pattern in patterns.chunks_exact(N) {
            for (i, column) in weights.chunks_exact_mut(N).enumerate() {
                column.iter_mut().zip(pattern).for_each(|(w, p)| *w += p * pattern[i] / N as f64);
            }
        }
        (0..N).for_each(|i| weights[i * N + i] = 0.0);
        let coupling = DenseCoupling::from_column_major(N, &weights[..])?;
        let activation = Activation::Tanh { gain: 2.0 };
        let field = Hopfield(SymmetricNetwork::new(coupling, vec![0.0; N], activation)?);
        let mut starts = vec![0.0; N * COUNT];
        random::fill_normal(&mut rng, &mut starts);
        let mut problem = Self { field, weights, starts, reference: Vec::new() };
        let tight = Tolerance { rtol: 1e-13, atol: 1e-14 };
        problem.reference = problem.batch(&ode::DOP853, tight)?;
        Ok(problem)
    }

    fn batch(
        &self,
        method: &'static Tableau,
        tolerance: Tolerance,
    ) -> Result<Vec<f64>, Box<dyn Error>> {
        let options = Options { tolerance, ..Options::default() };
        let starts = Batch::new(&self.starts, N)?;
        let ends =
            ode::integrate_batch(&self.field, method, SPAN, starts, &options, BatchControl::Each)?;
        let mut states = Vec::with_capacity(N * COUNT);
        for end in ends {
            reached(&end)?;
            states.extend_from_slice(&end.x);
        }
        Ok(states)
    }

    fn plain(&self) -> PlainField<'_> {
        PlainField { weights: &self.weights }
    }

    fn singles(
        &self,
        method: &'static Tableau,
        field: &dyn VectorField,
    ) -> Result<Vec<f64>, Box<dyn Error>> {
        let options = Options { tolerance: TOLERANCE, ..Options::default() };
        let mut stepper = method.stepper(N);
        let mut ends = Vec::with_capacity(N * COUNT);
        for start in self.starts.chunks_exact(N) {
            let end = ode::integrate(field, &mut stepper, SPAN, start, &options)?;
            reached(&end)?;
            ends.extend_from_slice(&end.x);
        }
        Ok(ends)
    }

    /// Largest error of the final states.
    fn error(&self, ends: &[f64]) -> Result<f64, Box<dyn Error>> {
        if ends.len() != self.reference.len() {
            let (found, wanted) = (ends.len(), self.reference.len());
            return Err(format!("{found} final components instead of {wanted}").into());
        }
        if let Some(at) = ends.iter().position(|x| !x.is_finite()) {
            return Err(format!("component {at} of the final states is {}", ends[at]).into());
        }
        Ok(ends.iter().zip(&self.reference).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max))
    }
}

/// A trajectory counts only if it reached the end.
fn reached(end: &Solution) -> Result<(), Box<dyn Error>> {
    match end.outcome {
        Outcome::Reached => Ok(()),
        outcome => Err(format!("a trajectory ended at t = {}: {outcome:?}", end.t).into()),
    }
}

/// Somebody's way to solve the problem.
struct Contestant<'a> {
    name: String,
    kind: Kind,
    solve: Box<dyn Fn() -> Result<Solved, Box<dyn Error>> + 'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Own,
    Peer,
    #[cfg(feature = "peers")]
    PeerWithOurField,
}

/// Final states, one after the other, and the time it took.
struct Solved {
    ends: Vec<f64>,
    seconds: f64,
}

impl<'a> Contestant<'a> {
    fn new(
        name: &str,
        kind: Kind,
        solve: impl Fn() -> Result<Vec<f64>, Box<dyn Error>> + 'a,
    ) -> Self {
        let solve = move || {
            let start = Instant::now();
            let ends = solve()?;
            Ok(Solved { seconds: start.elapsed().as_secs_f64(), ends })
        };
        Self { name: name.into(), kind, solve: Box::new(solve) }
    }
}

fn run(settings: &Settings) -> Result<Findings, Box<dyn Error>> {
    let problem = &Problem::new()?;
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut contestants = vec![
        Contestant::new("DOP853, batch", Kind::Own, || problem.batch(&ode::DOP853, TOLERANCE)),
        Contestant::new("DOP853, one by one", Kind::Own, || {
            problem.singles(&ode::DOP853, &problem.field)
        }),
        Contestant::new("Tsitouras, batch", Kind::Own, || {
            problem.batch(&ode::TSITOURAS, TOLERANCE)
        }),
        Contestant::new("Tsitouras, one by one", Kind::Own, || {
            problem.singles(&ode::TSITOURAS, &problem.field)
        }),
        Contestant::new("DOP853, one by one, plain field", Kind::Own, || {
            problem.singles(&ode::DOP853, &problem.plain())
        }),
        Contestant::new("Tsitouras, one by one, plain field", Kind::Own, || {
            problem.singles(&ode::TSITOURAS, &problem.plain())
        }),
        Contestant::new("DOP853, batch, one thread", Kind::Own, || {
            alone
                .install(|| problem.batch(&ode::DOP853, TOLERANCE).map_err(|e| e.to_string()))
                .map_err(Into::into)
        }),
        Contestant::new("Tsitouras, batch, one thread", Kind::Own, || {
            alone
                .install(|| problem.batch(&ode::TSITOURAS, TOLERANCE).map_err(|e| e.to_string()))
                .map_err(Into::into)
        }),
    ];
    let mut absent = Vec::new();
    #[cfg(feature = "peers")]
    contestants.extend(peers::contestants(problem));
    #[cfg(not(feature = "peers"))]
    absent.push("diffsol and ode_solvers (feature `peers`)");
    match scipy::contestants(problem)? {
        Some(found) => contestants.extend(found),
        None => absent.push("scipy (no Python with scipy; see benches/peers/README.md)"),
    }

    let rounds = if settings.quick { 1 } else { 7 };
    let mut contest = Contest::new(contestants.len());
    let mut errors = vec![0.0; contestants.len()];
    for round in 0..rounds {
        for turn in 0..contestants.len() {
            let which = (round + turn) % contestants.len();
            let name = &contestants[which].name;
            let of = |error: Box<dyn Error>| format!("{name}: {error}");
            let solved = (contestants[which].solve)().map_err(of)?;
            errors[which] = problem.error(&solved.ends).map_err(of)?;
            contest.record(which, solved.seconds);
        }
    }
    Ok(findings(&contestants, &contest, &errors, &absent))
}

fn findings(
    contestants: &[Contestant<'_>],
    contest: &Contest,
    errors: &[f64],
    absent: &[&str],
) -> Findings {
    let mut findings = Findings::default();
    for (which, contestant) in contestants.iter().enumerate() {
        let rate = COUNT as f64 / contest.median(which);
        let (name, peer) = (&contestant.name, contestant.kind != Kind::Own);
        findings.rows.push(Row { name: name.clone(), value: rate, unit: "1/s", peer });
        let name = format!("{name}: largest error");
        findings.rows.push(Row { name, value: errors[which], unit: "", peer });
    }
    findings.ratio("DOP853: batch against one by one", contest.ratio(1, 0), 5.0);
    findings.ratio("Tsitouras: batch against one by one", contest.ratio(3, 2), 5.0);
    findings.ratio("DOP853: batch against one by one, one thread", contest.ratio(1, 6), 5.0);
    findings.ratio("Tsitouras: batch against one by one, one thread", contest.ratio(3, 7), 5.0);
    let plain = "batch against one by one with the plain field";
    findings.ratio(format!("DOP853: {plain}"), contest.ratio(4, 0), 5.0);
    findings.ratio(format!("Tsitouras: {plain}"), contest.ratio(5, 2), 5.0);
    let mut unmatched = Vec::new();
    for (which, contestant) in contestants.iter().enumerate() {
        let target = match contestant.kind {
            Kind::Own => continue,
            Kind::Peer => 3.0,
            #[cfg(feature = "peers")]
            Kind::PeerWithOurField => 1.0,
        };
        // The fastest of ours that is at least as accurate.
        for (batches, ours) in [([0, 2], "batch"), ([6, 7], "batch, one thread")] {
            let accurate = batches.into_iter().filter(|&own| errors[own] <= errors[which]);
            let time = |own: &usize| contest.median(*own);
            match accurate.min_by(|a, b| time(a).total_cmp(&time(b))) {
                Some(own) => {
                    let name = format!("{} against {}", contestants[own].name, contestant.name);
                    findings.ratio(name, contest.ratio(which, own), target);
                }
                None => {
                    findings.ratio(format!("{ours} against {}", contestant.name), 0.0, target);
                    unmatched.push(contestant.name.as_str());
                }
            }
        }
    }
    unmatched.dedup();
    findings.note = format!(
        "{} threads where not said otherwise. N = {N}, {PATTERNS} Hebbian patterns, tanh with gain 2, {COUNT} normal random \
         starts, t from 0 to 20, rtol 1e-6, atol 1e-9. Errors against DOP853 at 1e-13.",
        rayon::current_num_threads()
    );
    if !unmatched.is_empty() {
        let names = unmatched.join(", ");
        findings.note += &format!(
            " More accurate than any batch of ours, which counts as a ratio of 0: {names}."
        );
    }
    if !absent.is_empty() {
        findings.note += &format!(" Absent: {}.", absent.join(", "));
    }
    findings
}
