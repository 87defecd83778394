//! Ground states by enumeration of all `2ⁿ` states.
//!
//! ```text
//! H(l, u) = H_u(u) + T(l) − Σᵢ fᵢ(u) lᵢ,      fᵢ(u) = Σⱼ Jᵢⱼ uⱼ
//! ```
//!
//! The first spins `l` are enumerated inside, the others `u` outside: `T` is a
//! table made once, and the linear term is one for all `l` by doubling, `g(l
//! with spin i up) = g(l) − 2 fᵢ`, so that a state costs two additions and a
//! comparison.

use rayon::prelude::*;

use crate::{Error, Ising, State};

/// Largest problem accepted: 2³⁰ states take a few seconds.
pub const MAX_SPINS: usize = 30;

/// States that rounding leaves undecided and that are compared exactly; each
/// takes as long as some hundred others.
const MOST_COMPARED: usize = 1 << 16;

/// Spins enumerated inside: their table stays in the nearest cache.
const INNER: usize = 11;

/// Finds a ground state by visiting all `2ⁿ` states, on the threads of the
/// current `rayon` pool; the result does not depend on their number. Unless
/// [`Ising::has_exact_sums`], states that are equal up to rounding are compared
/// exactly, the first 65 536 of them.
///
/// ```
/// use ebm_optim::{Ising, exhaustive};
/// let frustrated = Ising::from_couplings(3, &[(0, 1, -1.0), (1, 2, -1.0), (0, 2, -1.0)])?;
/// assert_eq!(exhaustive::ground_state(&frustrated)?.energy, -1.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// More than [`MAX_SPINS`] spins.
pub fn ground_state(problem: &Ising) -> Result<State, Error> {
    let n = problem.spins();
    if n > MAX_SPINS {
        return Err(Error::TooManySpins { method: "enumeration", limit: MAX_SPINS, spins: n });
    }
    let split = Split::new(problem);
    let scratch = || vec![0.0; split.table.len() / 2];
    let least: Vec<f64> = (0..1_u32 << split.outer)
        .into_par_iter()
        .with_min_len(8)
        .map_init(scratch, |linear, outer| split.least(outer, linear))
        .collect();
    let bound = least.iter().copied().fold(f64::INFINITY, f64::min);
    // Sums of at most n² terms, taken in two orders: what comes near is compared exactly.
    let exact = problem.has_exact_sums();
    let rounding = 4.0 * (n * n) as f64 * f64::EPSILON * problem.energy_bound();
    let bound = if exact { bound } else { bound + rounding };
    let mut best = State { spins: vec![], energy: f64::INFINITY };
    let mut linear = scratch();
    let mut compared = 0;
    let most = if exact { 1 } else { MOST_COMPARED };
    for outer in (0..least.len()).filter(|&outer| least[outer] <= bound) {
        split.visit(outer as u32, &mut linear, |inner, energy| {
            if energy > bound || compared == most {
                return;
            }
            compared += 1;
            let spins = split.spins(inner, outer);
            let energy = problem.energy_of(&spins);
            if energy < best.energy {
                best = State { spins, energy };
            }
        });
        if compared == most {
            break;
        }
    }
    Ok(best)
}

/// A problem split into inner and outer spins.
struct Split {
    inner: usize,
    outer: usize,
    offset: f64,
    /// `n × n`.
    couplings: Vec<f64>,
    fields: Vec<f64>,
    /// `T`, the energy of the inner spins among themselves: bit `i` set is spin
    /// `i` up.
    table: Vec<f64>,
}

fn spin(bits: usize, i: usize) -> f64 {
    if bits >> i & 1 == 1 { 1.0 } else { -1.0 }
}

impl Split {
    fn new(problem: &Ising) -> Self {
        let n = problem.spins();
        let inner = n.min(INNER);
        let mut couplings = vec![0.0; n * n];
        for (i, j, w) in problem.pairs() {
            couplings[i * n + j] = w;
            couplings[j * n + i] = w;
        }
        let mut split = Self {
            inner,
            outer: n - inner,
            offset: problem.offset(),
            couplings,
            fields: problem.fields().to_vec(),
            table: vec![],
        };
        split.table = (0..1 << inner).map(|bits| split.part(bits, 0, inner)).collect();
        split
    }

    /// Energy of the spins `first..first + count` among themselves and in their
    /// fields.
    fn part(&self, bits: usize, first: usize, count: usize) -> f64 {
        let n = self.fields.len();
        let mut energy = 0.0;
        for i in 0..count {
            let row = &self.couplings[(first + i) * n + first..];
            let pairs: f64 = (0..i).map(|j| row[j] * spin(bits, j)).sum();
            energy -= spin(bits, i) * (pairs + self.fields[first + i]);
        }
        energy
    }

    /// Writes the linear term of all states whose last inner spin is down;
    /// returns what that spin adds when up.
    fn linear(&self, outer: u32, linear: &mut [f64]) -> f64 {
        let n = self.fields.len();
        let field = |i: usize| -> f64 {
            let row = &self.couplings[i * n + self.inner..(i + 1) * n];
            row.iter().enumerate().map(|(j, w)| w * spin(outer as usize, j)).sum()
        };
        linear[0] = self.offset + self.part(outer as usize, self.inner, self.outer);
        for i in 0..self.inner {
            linear[0] += field(i);
        }
        for i in 0..self.inner - 1 {
            let step = 2.0 * field(i);
            let (known, new) = linear[..2 << i].split_at_mut(1 << i);
            for (new, known) in new.iter_mut().zip(known) {
                *new = *known - step;
            }
        }
        -2.0 * field(self.inner - 1)
    }

    /// The least energy with these outer spins.
    fn least(&self, outer: u32, linear: &mut [f64]) -> f64 {
        const LANES: usize = 8;
        let up = self.linear(outer, linear);
        let (down_table, up_table) = self.table.split_at(linear.len());
        let mut least = [f64::INFINITY; LANES];
        let chunks = linear.chunks(LANES).zip(down_table.chunks(LANES)).zip(up_table.chunks(LANES));
        for ((linear, down_table), up_table) in chunks {
            for (((least, g), a), b) in least.iter_mut().zip(linear).zip(down_table).zip(up_table) {
                let (a, b) = (g + a, (g + up) + b);
                let lower = if a < b { a } else { b };
                *least = if lower < *least { lower } else { *least };
            }
        }
        least.into_iter().fold(f64::INFINITY, f64::min)
    }

    /// Calls `each` with every inner state and the energy as in `least`.
    fn visit(&self, outer: u32, linear: &mut [f64], mut each: impl FnMut(usize, f64)) {
        let up = self.linear(outer, linear);
        for (bits, table) in self.table.iter().enumerate() {
            let half = linear.len();
            let g = if bits < half { linear[bits] } else { linear[bits - half] + up };
            each(bits, g + table);
        }
    }

    fn spins(&self, inner: usize, outer: usize) -> Vec<i8> {
        let bits = inner | outer << self.inner;
        (0..self.fields.len()).map(|i| if bits >> i & 1 == 1 { 1 } else { -1 }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_core::random;
    use proptest::prelude::*;
    use rand::RngExt;

    proptest! {
        #[test]
        fn agrees_with_brute_force(
            n in 1_usize..14,
            couplings in prop::collection::vec(-1.0..1.0_f64, 78),
            fields in prop::collection::vec(-1.0..1.0_f64, 13),
            decades in prop::collection::vec(-18_i32..=0, 78),
            integers: bool,
        ) {
            let scaled = |w: f64, d: i32| {
                if integers { (3.0 * w).round() } else { w * 10_f64.powi(d) }
            };
            let pairs: Vec<_> = (0..n)
                .flat_map(|i| (i + 1..n).map(move |j| (i, j)))
                .zip(couplings.iter().zip(&decades))
                .map(|((i, j), (w, d))| (i, j, scaled(*w, *d)))
                .collect();
            let fields = fields[..n].iter().map(|h| scaled(*h, 0)).collect();
            let problem = Ising::from_couplings(n, &pairs).unwrap();
            let problem = problem.with_fields(fields).unwrap().with_offset(2.0).unwrap();
            let least = (0..1_u32 << n)
                .map(|bits| {
                    let spin = |i: usize| if bits >> i & 1 == 1 { 1 } else { -1 };
                    problem.energy(&(0..n).map(spin).collect::<Vec<i8>>()).unwrap()
                })
                .fold(f64::INFINITY, f64::min);
            let found = ground_state(&problem).unwrap();
            prop_assert_eq!(found.energy, least);
            prop_assert_eq!(problem.energy(&found.spins).unwrap(), least);
        }
    }

    #[test]
    fn the_same_for_any_number_of_threads() {
        let mut rng = random::stream(1, 0);
        let n = 17;
        let pairs: Vec<_> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect();
        let couplings: Vec<_> =
            pairs.iter().map(|&(i, j)| (i, j, if rng.random() { 1.0 } else { -1.0 })).collect();
        // Degenerate: the choice among equal states must not depend on threads.
        let problem = Ising::from_couplings(n, &couplings).unwrap();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| ground_state(&problem).unwrap())
        };
        let single = with(1);
        assert_eq!(with(2), single);
        assert_eq!(with(4), single);
    }

    /// Half a million states of one energy that is no sum of exact numbers.
    #[test]
    fn ties_are_not_compared_without_end() {
        let tied = Ising::from_couplings(20, &[(3, 17, 0.1)]).unwrap();
        let mut ground = None;
        let info = allocation_counter::measure(|| ground = Some(ground_state(&tied).unwrap()));
        assert_eq!(ground.map(|state| state.energy), Some(-0.1));
        assert!(info.count_total < 100_000, "{} allocations", info.count_total);
    }

    #[test]
    fn free_spins_and_limits() {
        let free = Ising::from_couplings(24, &[]).unwrap().with_offset(1.5).unwrap();
        assert_eq!(ground_state(&free).unwrap().energy, 1.5);
        let large = Ising::from_couplings(31, &[]).unwrap();
        assert!(ground_state(&large).is_err());
        let huge = Ising::from_couplings(2, &[(0, 1, 8e307)]).unwrap();
        assert_eq!(ground_state(&huge).unwrap().energy, -8e307);
    }
}
