//! What steps on a sparse graph cannot do without, and nothing else.

use ebm_core::vector_math::kernel::Kernel;
use ebm_optim::Ising;

use super::OSCILLATORS;

/// Power of two that node numbers stay below, so that no index is checked.
const NODES: usize = 2048;

/// Neighbors of all nodes.
pub(super) struct Rows {
    starts: Vec<u32>,
    columns: Vec<u32>,
}

impl Rows {
    pub(super) fn new(problem: &Ising) -> Self {
        let (mut starts, mut columns) = (vec![0], vec![]);
        for i in 0..problem.spins() {
            columns.extend_from_slice(problem.couplings().neighbors(i).0);
            starts.push(columns.len() as u32);
        }
        Self { starts, columns }
    }

    /// Directed edges.
    pub(super) fn edges(&self) -> usize {
        self.columns.len()
    }
}

/// Signs of 64 replicas.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line([i8; 64]);

/// A line for each node, of −1, 0 and 1.
pub(super) fn lines(nodes: usize) -> Box<[Line; NODES]> {
    assert!(nodes <= NODES, "at most {NODES} nodes");
    let line = |i: usize| Line(std::array::from_fn(|k| ((i * k) % 3) as i8 - 1));
    Box::new(std::array::from_fn(line))
}

/// Loads the line of every neighbor of every node, and adds it up.
pub(super) struct Lines<'a> {
    pub(super) rows: &'a Rows,
    pub(super) lines: &'a [Line; NODES],
}

impl Kernel for Lines<'_> {
    type Output = [i8; 64];

    #[inline(always)]
    fn run(self) -> [i8; 64] {
        let mut sums = [0_i8; 64];
        for &j in &self.rows.columns {
            for (sum, s) in sums.iter_mut().zip(&self.lines[j as usize % NODES].0) {
                *sum = sum.wrapping_add(*s);
            }
        }
        sums
    }
}

/// Sine and cosine of the phases of a node.
#[derive(Clone, Copy)]
#[repr(align(128))]
pub(super) struct Wave {
    sin: [f32; OSCILLATORS],
    cos: [f32; OSCILLATORS],
}

pub(super) fn waves(nodes: usize) -> Vec<Wave> {
    assert!(nodes <= NODES, "at most {NODES} nodes");
    let wave = |i: usize| {
        let phase = |k: usize| (i * (k + 1)) as f32;
        Wave {
            sin: std::array::from_fn(|k| phase(k).sin()),
            cos: std::array::from_fn(|k| phase(k).cos()),
        }
    };
    (0..NODES).map(wave).collect()
}

/// Adds up both lines of every neighbor of a node, and writes sine and cosine of
/// an angle from the sums and a random sign: Taylor's polynomials, and a
/// generator of three shifts (G. Marsaglia, J. Stat. Softw. 8, 14 (2003)).
pub(super) struct Waves<'a> {
    pub(super) rows: &'a Rows,
    pub(super) waves: &'a mut [Wave],
    pub(super) noise: &'a mut [u32; OSCILLATORS],
}

impl Kernel for Waves<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Some(waves) = self.waves.first_chunk_mut::<NODES>() else { return };
        let mut noise = *self.noise;
        for (i, ends) in self.rows.starts.windows(2).enumerate() {
            let mut sum = Wave { sin: [0.0; OSCILLATORS], cos: [0.0; OSCILLATORS] };
            for &j in &self.rows.columns[ends[0] as usize..ends[1] as usize] {
                let neighbor = &waves[j as usize % NODES];
                for k in 0..OSCILLATORS {
                    sum.sin[k] += neighbor.sin[k];
                    sum.cos[k] += neighbor.cos[k];
                }
            }
            let own = &mut waves[i % NODES];
            for (k, word) in noise.iter_mut().enumerate() {
                *word ^= *word << 13;
                *word ^= *word >> 17;
                *word ^= *word << 5;
                let kick = f32::from_bits(0x3c00_0000 | *word & 0x8000_0000);
                let r = kick + 0.01 * (own.sin[k] * sum.cos[k] - own.cos[k] * sum.sin[k]);
                let z = r * r;
                own.sin[k] = r * (1.0 + z * (-0.166_666_67 + z * (0.008_333_334 - z * 1.98e-4)));
                own.cos[k] = 1.0 + z * (-0.5 + z * (0.041_666_668 - z * 0.001_388_9));
            }
        }
        *self.noise = noise;
    }
}
