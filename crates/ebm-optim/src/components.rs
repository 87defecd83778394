//! Connected components: parts that can be solved on their own.
//!
//! ```text
//! H(s) = c + Σ_k H_k(s restricted to component k)
//! ```

use crate::{Error, Ising};

/// The part of a problem on one connected component.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its spins, increasing: spin `k` of the part is spin `nodes[k]` of the
    /// whole.
    pub nodes: Vec<usize>,
    /// The part, with offset 0: the offset stays with the whole.
    pub problem: Ising,
}

impl Component {
    /// Writes spins of the part into a state of the whole.
    ///
    /// # Errors
    /// A `part` that is not a state of this component, or a `whole` that is too
    /// short.
    pub fn place(&self, part: &[i8], whole: &mut [i8]) -> Result<(), Error> {
        self.problem.check_spins(part)?;
        let needed = self.nodes.last().map_or(0, |last| last + 1);
        if whole.len() < needed {
            let bound = whole.len();
            return Err(
                ebm_core::Error::OutOfRange { what: "spin", index: needed - 1, bound }.into()
            );
        }
        for (&node, &s) in self.nodes.iter().zip(part) {
            whole[node] = s;
        }
        Ok(())
    }
}

/// The component of each spin, numbered in the order of their first spins, and
/// the number of components. Couplings of zero connect nothing.
///
/// ```
/// use ebm_optim::{Ising, components::labels};
/// let two = Ising::from_couplings(4, &[(0, 2, 1.0), (1, 3, -1.0)])?;
/// assert_eq!(labels(&two), (vec![0, 1, 0, 1], 2));
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[must_use]
pub fn labels(problem: &Ising) -> (Vec<u32>, usize) {
    // Indices have 32 bits, so no label is this.
    const NONE: u32 = u32::MAX;
    let n = problem.spins();
    let mut label = vec![NONE; n];
    let mut count = 0;
    let mut stack = vec![];
    for start in 0..n {
        if label[start] != NONE {
            continue;
        }
        label[start] = count;
        stack.push(start as u32);
        while let Some(i) = stack.pop() {
            let (neighbors, weights) = problem.couplings().neighbors(i as usize);
            for (&j, _) in neighbors.iter().zip(weights).filter(|(_, w)| **w != 0.0) {
                if label[j as usize] == NONE {
                    label[j as usize] = count;
                    stack.push(j);
                }
            }
        }
        count += 1;
    }
    (label, count as usize)
}

/// Is the problem one component?
pub(crate) fn is_connected(problem: &Ising) -> bool {
    labels(problem).1 == 1
}

/// The components of a problem, in the order of their first spins. Couplings
/// of zero connect nothing.
///
/// ```
/// use ebm_optim::{Ising, components::components};
/// let two = Ising::from_couplings(4, &[(0, 2, 1.0), (1, 3, -1.0)])?;
/// let mut spins = [1; 4];
/// for part in components(&two)? {
///     let ground = ebm_optim::exhaustive::ground_state(&part.problem)?;
///     part.place(&ground.spins, &mut spins)?;
/// }
/// assert_eq!(two.energy(&spins)?, -2.0);
/// # Ok::<(), ebm_optim::Error>(())
/// ```
///
/// # Errors
/// None for a valid problem.
pub fn components(problem: &Ising) -> Result<Vec<Component>, Error> {
    let n = problem.spins();
    let (label, count) = labels(problem);
    if count == 1 {
        let problem = problem.clone().with_offset(0.0)?;
        return Ok(vec![Component { nodes: (0..n).collect(), problem }]);
    }
    let mut parts: Vec<Vec<usize>> = vec![vec![]; count];
    let mut rank = vec![0; n];
    for (i, &part) in label.iter().enumerate() {
        let part = &mut parts[part as usize];
        rank[i] = part.len();
        part.push(i);
    }
    let part_of = |nodes: Vec<usize>| {
        let mut pairs = vec![];
        for &i in &nodes {
            let (neighbors, weights) = problem.couplings().neighbors(i);
            let later = neighbors.iter().zip(weights).filter(|(j, _)| i < **j as usize);
            // A coupling of zero may lead elsewhere.
            let stored = later.filter(|(_, w)| **w != 0.0);
            pairs.extend(stored.map(|(&j, &w)| (rank[i], rank[j as usize], w)));
        }
        let fields = nodes.iter().map(|&i| problem.fields()[i]).collect();
        let part = Ising::from_couplings(nodes.len(), &pairs)?.with_fields(fields)?;
        Ok(Component { nodes, problem: part })
    };
    parts.into_iter().map(part_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        let couplings = [(0, 4, 1.0), (4, 2, -2.0), (1, 5, 3.0), (3, 1, 0.0)];
        let problem = Ising::from_couplings(6, &couplings).unwrap();
        let fields = vec![0.5, -1.0, 0.0, 2.0, 1.5, 0.0];
        let problem = problem.with_fields(fields).unwrap().with_offset(7.0).unwrap();
        let parts = components(&problem).unwrap();
        let nodes: Vec<_> = parts.iter().map(|part| part.nodes.clone()).collect();
        assert_eq!(nodes, [vec![0, 2, 4], vec![1, 5], vec![3]]);
        for bits in 0..64_u8 {
            let spins: Vec<i8> = (0..6).map(|i| if bits >> i & 1 == 1 { 1 } else { -1 }).collect();
            let (mut sum, mut again) = (7.0, vec![0; 6]);
            for part in &parts {
                let own: Vec<i8> = part.nodes.iter().map(|&i| spins[i]).collect();
                sum += part.problem.energy(&own).unwrap();
                part.place(&own, &mut again).unwrap();
            }
            assert_eq!(sum, problem.energy(&spins).unwrap());
            assert_eq!(again, spins);
        }
    }

    #[test]
    fn misplaced_parts_are_errors() {
        let problem = Ising::from_couplings(3, &[(0, 2, 1.0)]).unwrap();
        let parts = components(&problem).unwrap();
        assert!(parts[0].place(&[1], &mut [1; 3]).is_err());
        assert!(parts[0].place(&[1, 1], &mut [1; 2]).is_err());
        assert!(parts[1].place(&[-1], &mut [1; 2]).is_ok());
    }
}
