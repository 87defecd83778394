//! Messages as winding numbers: a number written with one digit a ring.
//!
//! ```text
//! message = Σ_k d_k Π_{l<k} b_l,      d_k = q_k + ⌈n_k/4⌉ − 1,      b_k = 2⌈n_k/4⌉ − 1
//! ```

use super::PhaseLockedMemory;
use crate::Error;

impl PhaseLockedMemory {
    /// The number of bytes that every message of that length fits into the
    /// winding numbers, `⌊Σ_k log₂₅₆(2⌈n_k/4⌉ − 1)⌋`; zero if cycles share
    /// edges.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        if !self.graph().cycles_are_edge_disjoint() {
            return 0;
        }
        let bits: f64 =
            self.graph().cycles().iter().map(|cycle| (self.base(cycle) as f64).log2()).sum();
        // A product of odd numbers is no power of two but one, so the rounding
        // of the logarithm cannot hide a byte.
        (bits * (1.0 - 1e-12) / 8.0).floor() as usize
    }

    /// The stable phase-locked state that stands for `message`.
    ///
    /// ```
    /// use ebm_memory::phase_locked::{CycleGraph, PhaseLockedMemory};
    /// let memory = PhaseLockedMemory::new(CycleGraph::sharing_nodes(8, 40)?)?;
    /// let phases = memory.encode(b"memory")?;
    /// // Noise of a tenth of a radian does not change a winding number.
    /// let noisy: Vec<f64> = phases.iter().enumerate().map(|(i, p)| p + 0.1 * (i as f64).sin()).collect();
    /// assert_eq!(memory.decode(&noisy, 6)?.unwrap(), b"memory");
    /// # Ok::<(), ebm_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// If cycles share edges, so that not every choice of winding numbers is
    /// stable, or the message is longer than
    /// [`capacity_bytes`](Self::capacity_bytes).
    pub fn encode(&self, message: &[u8]) -> Result<Vec<f64>, Error> {
        self.check_free_windings()?;
        let limit = self.capacity_bytes();
        if message.len() > limit {
            let (what, size) = ("message", message.len());
            return Err(ebm_core::Error::TooLarge { what, size, limit }.into());
        }
        // Long division of a number in base 256, most significant byte first.
        let mut number = message.to_vec();
        let mut windings = Vec::with_capacity(self.graph().cycles().len());
        for cycle in self.graph().cycles() {
            let base = self.base(cycle);
            let mut rest = 0;
            for byte in &mut number {
                let value = rest * 256 + u128::from(*byte);
                *byte = (value / base) as u8;
                rest = value % base;
            }
            windings.push(rest as i32 - Self::max_winding(cycle.len()));
        }
        self.seed(&windings)
    }

    /// The message of `length` bytes that `phases` stand for; `None` if a
    /// winding number is none of a stable state, or the number does not fit
    /// into so many bytes.
    ///
    /// # Errors
    /// If cycles share edges, `phases` has another length than the graph has
    /// nodes or is not finite, or the message does not fit into memory.
    pub fn decode(&self, phases: &[f64], length: usize) -> Result<Option<Vec<u8>>, Error> {
        self.check_free_windings()?;
        ebm_core::validate::dimension("phases", self.graph().nodes(), phases.len())?;
        ebm_core::validate::finite("phases", phases)?;
        let mut number = Vec::new();
        number.try_reserve_exact(length).map_err(|_| {
            let what = "message";
            ebm_core::Error::Allocation { what, bytes: length }
        })?;
        number.resize(length, 0_u8);
        let windings = self.windings(phases);
        for (cycle, winding) in self.graph().cycles().iter().zip(&windings).rev() {
            let base = self.base(cycle);
            let digit = winding.saturating_add(Self::max_winding(cycle.len()));
            let Some(mut carry) = u128::try_from(digit).ok().filter(|d| *d < base) else {
                return Ok(None);
            };
            for byte in number.iter_mut().rev() {
                carry += u128::from(*byte) * base;
                *byte = (carry % 256) as u8;
                carry /= 256;
            }
            if carry > 0 {
                return Ok(None);
            }
        }
        Ok(Some(number))
    }

    fn check_free_windings(&self) -> Result<(), Error> {
        if self.graph().cycles_are_edge_disjoint() {
            return Ok(());
        }
        let what = "a graph whose cycles share no edge";
        let why = "only there every choice of winding numbers is stable";
        Err(ebm_core::Error::Missing { what, why }.into())
    }
}
