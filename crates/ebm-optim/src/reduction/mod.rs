//! Exact reductions: a smaller problem with the same optimum.
//!
//! ```text
//! H_kernel(k) = min { H(s) : s agrees with k on the spins of the kernel }
//! ```
//!
//! Applied until none applies:
//!
//! - a spin with at most two neighbors, or three if no cubic term arises, is
//!   replaced by fields and couplings of its neighbors;
//! - a spin with `|hᵢ| ≥ Σⱼ |Jᵢⱼ|` follows its field;
//! - a spin with `|Jᵢⱼ| ≥ Σ_{k≠j} |Jᵢₖ| + |hᵢ|` follows spin `j`.
//!
//! Sources: M. E. Fisher, Phys. Rev. 113, 969 (1959) for the replacement;
//! J.-H. Lange, B. Andres and P. Swoboda, arXiv 1812.01426 and M. Lewis and
//! F. Glover, arXiv 1705.09844 for the inequalities.

mod network;
mod star;

use std::collections::VecDeque;

use ebm_core::validate;

use self::network::Network;
use self::star::Star;
use crate::{Error, Ising};

/// A problem reduced to its kernel, and the way back.
///
/// ```
/// use ebm_optim::{Graph, Reduction};
/// // A triangle with a tail: nothing is left to search.
/// let edges = vec![(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0), (2, 3, 1.0)];
/// let graph = Graph::new(4, edges)?;
/// let reduction = Reduction::new(graph.ising());
/// assert!(reduction.kernel().is_none());
/// let spins = reduction.lift(&[])?;
/// assert_eq!(graph.cut(&spins)?, 3.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reduction {
    spins: usize,
    kernel: Option<Ising>,
    /// Energy of the optimum if no kernel is left.
    offset: f64,
    /// Original spin that each kernel spin is.
    nodes: Vec<usize>,
    /// Where each kernel spin is written, and with which sign, before the
    /// steps are undone.
    seats: Vec<(u32, i8)>,
    steps: Vec<Step>,
}

/// Spin `spin` was `sign(Σ Jⱼ sⱼ + h)`; +1 if that is zero.
#[derive(Debug, Clone, Copy)]
struct Step {
    spin: u32,
    neighbors: [u32; 3],
    weights: [f64; 3],
    field: f64,
}

impl Reduction {
    /// Reduces `problem` as far as the rules go, in time proportional to its
    /// size up to a logarithm.
    ///
    /// If [`Ising::has_exact_sums`], so does the kernel: a step that would give
    /// coefficients finer than 2⁻¹⁶ is not taken, and energies of kernel and
    /// lifted states are equal. Otherwise they are equal up to rounding.
    #[must_use]
    pub fn new(problem: &Ising) -> Self {
        let reducible = |i: usize| {
            let (_, weights) = problem.couplings().neighbors(i);
            let field = problem.fields()[i].abs();
            let largest = weights.iter().fold(0.0, |most: f64, w| most.max(w.abs()));
            let strength: f64 = weights.iter().map(|w| w.abs()).sum();
            let degree = weights.iter().filter(|w| **w != 0.0).count();
            degree <= 3 || field >= strength || 2.0 * largest >= (1.0 - 1e-9) * (strength + field)
        };
        if !(0..problem.spins()).any(reducible) {
            return Self::none(problem);
        }
        let mut worker = Worker::new(problem);
        worker.run();
        // Fails only where rounding carries a sum over the largest number.
        worker.finish().unwrap_or_else(|_| Self::none(problem))
    }

    /// The problem itself as kernel.
    fn none(problem: &Ising) -> Self {
        let n = problem.spins();
        Self {
            spins: n,
            kernel: Some(problem.clone()),
            offset: problem.offset(),
            nodes: (0..n).collect(),
            seats: (0..n as u32).map(|v| (v, 1)).collect(),
            steps: vec![],
        }
    }

    /// What is left to solve; `None` if the reduction has solved the problem,
    /// whose optimum is then `lift(&[])`.
    #[must_use]
    pub fn kernel(&self) -> Option<&Ising> {
        self.kernel.as_ref()
    }

    /// The spins of the kernel, numbered as in the problem: kernel spin `k` is
    /// spin `nodes()[k]`.
    #[must_use]
    pub fn nodes(&self) -> &[usize] {
        &self.nodes
    }

    /// Number of spins of the problem.
    #[must_use]
    pub fn spins(&self) -> usize {
        self.spins
    }

    /// Offset of the kernel; the least energy of the problem if no kernel is
    /// left.
    #[must_use]
    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// The state of least energy among those that agree with `kernel_spins` on
    /// the spins of the kernel. Its energy is that of the kernel state.
    ///
    /// # Errors
    /// Spins that are too many, too few, or not ±1.
    pub fn lift(&self, kernel_spins: &[i8]) -> Result<Vec<i8>, Error> {
        match &self.kernel {
            Some(kernel) => kernel.check_spins(kernel_spins)?,
            None => validate::dimension("spins", 0, kernel_spins.len())?,
        }
        let mut spins = vec![1; self.spins];
        for (&(seat, sign), s) in self.seats.iter().zip(kernel_spins) {
            spins[seat as usize] = sign * s;
        }
        for step in self.steps.iter().rev() {
            let pairs = step.neighbors.iter().zip(&step.weights);
            let terms = pairs.map(|(&j, w)| w * f64::from(spins[j as usize]));
            let field = terms.sum::<f64>() + step.field;
            spins[step.spin as usize] = if field >= 0.0 { 1 } else { -1 };
        }
        Ok(spins)
    }

    /// The kernel spins of a state of the problem: a start for a solver. Its
    /// lift has at most the energy of `spins`.
    ///
    /// # Errors
    /// Spins that are too many, too few, or not ±1.
    pub fn restrict(&self, spins: &[i8]) -> Result<Vec<i8>, Error> {
        validate::dimension("spins", self.spins, spins.len())?;
        if let Some(index) = spins.iter().position(|&s| s != 1 && s != -1) {
            return Err(Error::Spin { index, value: spins[index] });
        }
        Ok(self.nodes.iter().map(|&node| spins[node]).collect())
    }
}

/// Finest multiple that an exact kernel may have, see [`Ising::has_exact_sums`].
const GRAIN: f64 = 65_536.0;

/// A reduction at work.
///
/// Spin `v` of the network is always spin `v` of the problem, but where a spin
/// with many neighbors follows one with few, the few move. `node` and `sign`
/// keep account: `s_v = signᵥ × (the spin nodeᵥ that stays)`.
struct Worker {
    network: Network,
    exact: bool,
    alive: Vec<bool>,
    node: Vec<u32>,
    sign: Vec<i8>,
    /// Nodes to look at, and nodes with three neighbors, which wait until
    /// nothing simpler is left: they divide coefficients by two.
    queue: VecDeque<u32>,
    stars: VecDeque<u32>,
    queued: Vec<bool>,
    steps: Vec<Step>,
}

impl Worker {
    fn new(problem: &Ising) -> Self {
        let n = problem.spins();
        Self {
            network: Network::new(problem),
            exact: problem.has_exact_sums(),
            alive: vec![true; n],
            node: (0..n as u32).collect(),
            sign: vec![1; n],
            queue: (0..n as u32).collect(),
            stars: VecDeque::new(),
            queued: vec![true; n],
            steps: vec![],
        }
    }

    fn run(&mut self) {
        loop {
            if let Some(v) = self.queue.pop_front() {
                self.queued[v as usize] = false;
                if self.alive[v as usize] && !self.reduce(v) && self.network.degree(v) == 3 {
                    self.stars.push_back(v);
                }
            } else if let Some(v) = self.stars.pop_front() {
                if self.alive[v as usize] && self.network.degree(v) == 3 {
                    self.replace(v);
                }
            } else {
                return;
            }
        }
    }

    /// Applies one of the simple rules to `v`, if one fits.
    fn reduce(&mut self, v: u32) -> bool {
        if self.network.degree(v) <= 2 && self.replace(v) {
            return true;
        }
        if self.network.is_decided(v) {
            self.follow_field(v);
            return true;
        }
        if let Some((u, w)) = self.network.bound_to(v) {
            self.follow(v, u, w);
            return true;
        }
        false
    }

    fn touch(&mut self, v: u32) {
        if !self.queued[v as usize] {
            self.queued[v as usize] = true;
            self.queue.push_back(v);
        }
    }

    /// Replaces `v` with at most three neighbors by what its best value is worth.
    fn replace(&mut self, v: u32) -> bool {
        let (ends, weights) = self.network.star(v);
        let field = self.network.field[v as usize];
        let Some(star) = Star::new(weights, field) else { return false };
        if self.exact && !star.is_multiple(GRAIN) {
            return false;
        }
        let degree = self.network.degree(v) as usize;
        self.network.take(v, |_, _, _| {});
        self.network.offset -= star.constant;
        for k in 0..degree {
            self.network.field[ends[k] as usize] += star.fields[k];
            let next = (k + 1) % 3;
            if next < degree {
                self.network.add(ends[k], ends[next], star.couplings[k]);
            }
        }
        for &u in &ends[..degree] {
            self.touch(u);
        }
        self.eliminate(Step { spin: v, neighbors: ends, weights, field });
        true
    }

    /// Sets `v` to the sign of its field.
    fn follow_field(&mut self, v: u32) {
        let field = self.network.field[v as usize];
        let sign = if field >= 0.0 { 1.0 } else { -1.0 };
        self.network.offset -= field.abs();
        let mut touched = vec![];
        self.network.take(v, |network, u, w| {
            network.field[u as usize] += sign * w;
            touched.push(u);
        });
        for u in touched {
            self.touch(u);
        }
        self.eliminate(Step { spin: v, neighbors: [v; 3], weights: [0.0; 3], field });
    }

    /// Makes `v` follow its neighbor `u`, bound by the coupling `w`.
    fn follow(&mut self, v: u32, u: u32, w: f64) {
        let sign = if w > 0.0 { 1.0 } else { -1.0 };
        // The longer list stays where it is.
        let (gone, kept) =
            if self.network.degree(v) <= self.network.degree(u) { (v, u) } else { (u, v) };
        if kept == v {
            self.node[v as usize] = self.node[u as usize];
            self.sign[v as usize] = sign as i8 * self.sign[u as usize];
        }
        self.network.offset -= w.abs();
        self.network.field[kept as usize] += sign * self.network.field[gone as usize];
        let mut touched = vec![kept];
        self.network.take(gone, |network, end, coupling| {
            if end != kept {
                network.add(kept, end, sign * coupling);
                touched.push(end);
            }
        });
        for end in touched {
            self.touch(end);
        }
        let weights = [sign, 0.0, 0.0];
        self.eliminate(Step { spin: gone, neighbors: [kept; 3], weights, field: 0.0 });
    }

    fn eliminate(&mut self, step: Step) {
        self.alive[step.spin as usize] = false;
        self.steps.push(step);
    }

    fn finish(self) -> Result<Reduction, Error> {
        let Self { network, alive, node, sign, steps, .. } = self;
        let offset = network.offset;
        // Kernel spins in the order of the spins they are.
        let mut seats: Vec<u32> =
            (0..network.spins() as u32).filter(|&v| alive[v as usize]).collect();
        seats.sort_unstable_by_key(|&v| node[v as usize]);
        let mut rank = vec![0; network.spins()];
        for (k, &v) in seats.iter().enumerate() {
            rank[v as usize] = k;
        }
        let gauge = |v: u32| f64::from(sign[v as usize]);
        let kernel = if seats.is_empty() {
            None
        } else {
            let mut pairs = vec![];
            for &v in &seats {
                for (u, w) in network.neighbors(v).filter(|(u, _)| v < *u) {
                    pairs.push((rank[v as usize], rank[u as usize], w * gauge(v) * gauge(u)));
                }
            }
            let fields = seats.iter().map(|&v| gauge(v) * network.field[v as usize]).collect();
            let kernel = Ising::from_couplings(seats.len(), &pairs)?;
            Some(kernel.with_fields(fields)?.with_offset(offset)?)
        };
        Ok(Reduction {
            spins: network.spins(),
            kernel,
            offset,
            nodes: seats.iter().map(|&v| node[v as usize] as usize).collect(),
            seats: seats.iter().map(|&v| (v, sign[v as usize])).collect(),
            steps,
        })
    }
}

#[cfg(test)]
mod tests;
