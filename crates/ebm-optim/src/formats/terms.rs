//! Linear and quadratic terms as files list them, in any order and repeated.

use crate::{Error, Ising, Qubo};

/// Terms of `Σ aᵢ zᵢ + Σ bᵢⱼ zᵢ zⱼ`; repeated ones are summed.
#[derive(Debug, Default)]
pub(super) struct Terms {
    pub(super) linear: Vec<(usize, f64)>,
    pub(super) quadratic: Vec<(usize, usize, f64)>,
    pub(super) offset: f64,
}

impl Terms {
    /// Adds a term; with itself, a variable is linear.
    pub(super) fn add(&mut self, i: usize, j: usize, value: f64) {
        if i == j {
            self.linear.push((i, value));
        } else {
            self.quadratic.push((i.min(j), i.max(j), value));
        }
    }

    /// Number of terms listed.
    pub(super) fn len(&self) -> usize {
        self.linear.len() + self.quadratic.len()
    }

    /// `f(x) = offset + Σ aᵢ xᵢ + Σ bᵢⱼ xᵢ xⱼ`. The number of variables must
    /// have been checked.
    pub(super) fn into_qubo(mut self, variables: usize) -> Result<Qubo, Error> {
        self.sum_pairs();
        Qubo::new(self.sum_linear(variables), &self.quadratic)?.with_constant(self.offset)
    }

    /// `H(s) = offset + Σ aᵢ sᵢ + Σ bᵢⱼ sᵢ sⱼ`, hence `h = −a`, `J = −b`.
    pub(super) fn into_ising(mut self, spins: usize) -> Result<Ising, Error> {
        self.sum_pairs();
        // 0 − x, so that nothing is −0.
        let fields = self.sum_linear(spins).into_iter().map(|a| 0.0 - a).collect();
        for (_, _, value) in &mut self.quadratic {
            *value = 0.0 - *value;
        }
        Ising::from_couplings(spins, &self.quadratic)?.with_fields(fields)?.with_offset(self.offset)
    }

    fn sum_linear(&self, n: usize) -> Vec<f64> {
        let mut linear = vec![0.0; n];
        for &(i, value) in &self.linear {
            linear[i] += value;
        }
        linear
    }

    fn sum_pairs(&mut self) {
        let key = |&(i, j, _): &(usize, usize, f64)| (i, j);
        if !self.quadratic.is_sorted_by_key(key) {
            // Stable: repeated terms are summed in the order of the file.
            self.quadratic.sort_by_key(key);
        }
        self.quadratic.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 += next.2;
            }
            same
        });
    }
}
