//! A problem in the form it was given, and the exact changes of form.
//!
//! ```text
//! graph  → Ising   J = −w                                H(s) = Σ w − 2 cut(s)
//! QUBO   ↔ Ising   x = (1 + s)/2                         f(x) = H(s)
//! Ising  → graph   fields: J'ᵢₐ = hᵢ with an ancilla a   H(s) = c + Σ w − 2 cut(s'),  sᵢ = s'ᵢ s'ₐ
//! ```
//!
//! Every form of one problem has the same energy `H` at the same state.
//! Sources: F. Barahona et al., Oper. Res. 36, 493 (1988), for the ancilla;
//! A. Lucas, arXiv 1302.5843, §1, for the binary form.

use std::fmt;
use std::str::FromStr;

use ebm_core::validate;

use crate::{Error, Graph, Ising, Qubo, binary_of_spins};

/// Which form a problem has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// Maximum cut of a weighted [`Graph`].
    Graph,
    /// Minimum energy of an [`Ising`] problem.
    Ising,
    /// Minimum of a [`Qubo`].
    Qubo,
}

impl Model {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Graph, Self::Ising, Self::Qubo];

    /// `graph`, `ising` or `qubo`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Ising => "ising",
            Self::Qubo => "qubo",
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Model {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|model| model.name() == name).ok_or_else(|| Error::Malformed {
            place: "model".into(),
            expected: "graph, ising or qubo".into(),
            found: name.into(),
        })
    }
}

/// A problem in one of three forms.
///
/// ```
/// use ebm_optim::{Graph, Instance};
/// let instance = Instance::from(Graph::new(3, vec![(0, 1, 1.0), (1, 2, 2.0)])?);
/// let spins = [1, -1, 1];
/// assert_eq!(instance.value(&spins)?, 3.0); // the cut
/// assert_eq!(instance.to_ising()?.energy(&spins)?, 3.0 - 2.0 * 3.0);
/// assert_eq!(instance.to_qubo()?.value(&[1, 0, 1])?, -3.0); // the same energy
/// # Ok::<(), ebm_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub enum Instance {
    /// Maximum cut.
    Graph(Graph),
    /// Minimum energy.
    Ising(Ising),
    /// Minimum of a function of binary variables.
    Qubo(Qubo),
}

impl From<Graph> for Instance {
    fn from(graph: Graph) -> Self {
        Self::Graph(graph)
    }
}

impl From<Ising> for Instance {
    fn from(ising: Ising) -> Self {
        Self::Ising(ising)
    }
}

impl From<Qubo> for Instance {
    fn from(qubo: Qubo) -> Self {
        Self::Qubo(qubo)
    }
}

impl Instance {
    /// The form.
    #[must_use]
    pub fn model(&self) -> Model {
        match self {
            Self::Graph(_) => Model::Graph,
            Self::Ising(_) => Model::Ising,
            Self::Qubo(_) => Model::Qubo,
        }
    }

    /// Number of nodes, spins or variables.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Graph(graph) => graph.nodes(),
            Self::Ising(ising) => ising.spins(),
            Self::Qubo(qubo) => qubo.variables(),
        }
    }

    /// No problem is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// What the form optimizes, at spins: the cut (larger is better), the
    /// energy, or the function at `x = (1 + s)/2` (smaller is better).
    ///
    /// # Errors
    /// Spins that are too many, too few, or not ±1.
    pub fn value(&self, spins: &[i8]) -> Result<f64, Error> {
        match self {
            Self::Graph(graph) => graph.cut(spins),
            Self::Ising(ising) => ising.energy(spins),
            Self::Qubo(qubo) => qubo.value(&binary_of_spins(spins)?),
        }
    }

    /// The [`value`](Self::value) that belongs to an Ising energy.
    #[must_use]
    pub fn value_of_energy(&self, energy: f64) -> f64 {
        match self {
            Self::Graph(graph) => graph.cut_of_energy(energy),
            Self::Ising(_) | Self::Qubo(_) => energy,
        }
    }

    /// The Ising energy that belongs to a [`value`](Self::value).
    #[must_use]
    pub fn energy_of_value(&self, value: f64) -> f64 {
        match self {
            Self::Graph(graph) => graph.energy_of_cut(value),
            Self::Ising(_) | Self::Qubo(_) => value,
        }
    }

    /// The Ising form; of a graph `J = −w`, of a QUBO the one with `H(s) = f(x)`.
    ///
    /// # Errors
    /// Coefficients whose magnitudes sum to infinity.
    pub fn to_ising(&self) -> Result<Ising, Error> {
        match self {
            Self::Graph(graph) => Ok(graph.ising().clone()),
            Self::Ising(ising) => Ok(ising.clone()),
            Self::Qubo(qubo) => qubo.to_ising(),
        }
    }

    /// The binary form with `f(x) = H(s)`; of a graph `f = Σ w − 2 cut`.
    ///
    /// # Errors
    /// Coefficients beyond the largest finite number.
    pub fn to_qubo(&self) -> Result<Qubo, Error> {
        match self {
            Self::Graph(graph) => Qubo::from_ising(graph.ising()),
            Self::Ising(ising) => Qubo::from_ising(ising),
            Self::Qubo(qubo) => Ok(qubo.clone()),
        }
    }

    /// The graph whose maximum cuts are the optima, with an ancilla node where
    /// there are fields.
    ///
    /// # Errors
    /// Coefficients whose magnitudes sum to infinity.
    pub fn to_max_cut(&self) -> Result<MaxCutForm, Error> {
        match self {
            Self::Graph(graph) => {
                Ok(MaxCutForm { graph: graph.clone(), ancilla: None, offset: 0.0 })
            }
            Self::Ising(ising) => MaxCutForm::of(ising),
            Self::Qubo(qubo) => MaxCutForm::of(&qubo.to_ising()?),
        }
    }

    /// The same problem in another form; for a graph see
    /// [`to_max_cut`](Self::to_max_cut), of which this is the graph.
    ///
    /// # Errors
    /// Coefficients whose magnitudes sum to infinity.
    pub fn to_model(&self, model: Model) -> Result<Self, Error> {
        match model {
            Model::Graph => Ok(self.to_max_cut()?.graph.into()),
            Model::Ising => Ok(self.to_ising()?.into()),
            Model::Qubo => Ok(self.to_qubo()?.into()),
        }
    }
}

/// An Ising problem without fields: where the original has some, they are the
/// couplings to one more spin, the ancilla, which comes last.
#[derive(Debug, Clone)]
pub struct FieldFree {
    /// The problem.
    pub ising: Ising,
    /// Index of the ancilla, if there is one.
    pub ancilla: Option<usize>,
}

impl FieldFree {
    /// Turns fields into couplings; the same problem where there are none.
    ///
    /// ```
    /// use ebm_optim::{FieldFree, Ising};
    /// let ising = Ising::from_couplings(2, &[(0, 1, 1.0)])?.with_fields(vec![0.0, -3.0])?;
    /// let free = FieldFree::of(&ising)?;
    /// assert_eq!(free.ancilla, Some(2));
    /// let state = [-1, 1, -1];
    /// assert_eq!(free.lift(&state)?, [1, -1]);
    /// assert_eq!(free.ising.energy(&state)?, ising.energy(&[1, -1])?);
    /// # Ok::<(), ebm_optim::Error>(())
    /// ```
    ///
    /// # Errors
    /// More couplings than 32-bit indices count.
    pub fn of(ising: &Ising) -> Result<Self, Error> {
        if ising.fields().iter().all(|&h| h == 0.0) {
            return Ok(Self { ising: ising.clone(), ancilla: None });
        }
        let n = ising.spins();
        let fields = ising.fields().iter().enumerate().filter(|(_, h)| **h != 0.0);
        let couplings: Vec<_> = ising.pairs().chain(fields.map(|(i, &h)| (i, n, h))).collect();
        let ising = Ising::from_couplings(n + 1, &couplings)?.with_offset(ising.offset())?;
        Ok(Self { ising, ancilla: Some(n) })
    }

    /// The spins of the original problem, at the same energy.
    ///
    /// # Errors
    /// Spins that are too many, too few, or not ±1.
    pub fn lift(&self, spins: &[i8]) -> Result<Vec<i8>, Error> {
        lift(self.ising.spins(), self.ancilla, spins)
    }
}

fn lift(n: usize, ancilla: Option<usize>, spins: &[i8]) -> Result<Vec<i8>, Error> {
    validate::dimension("spins", n, spins.len())?;
    if let Some(index) = spins.iter().position(|&s| s != 1 && s != -1) {
        return Err(Error::Spin { index, value: spins[index] });
    }
    match ancilla {
        None => Ok(spins.to_vec()),
        Some(a) => Ok(spins[..a].iter().map(|s| s * spins[a]).collect()),
    }
}

/// A problem as a maximum cut, `H(s) = offset + Σ w − 2 cut(s')`.
#[derive(Debug, Clone)]
pub struct MaxCutForm {
    /// The graph, weights `−J`.
    pub graph: Graph,
    /// Index of the node that stands for the fields, if there are any.
    pub ancilla: Option<usize>,
    /// The constant that the graph does not hold.
    pub offset: f64,
}

impl MaxCutForm {
    fn of(ising: &Ising) -> Result<Self, Error> {
        let FieldFree { ising, ancilla } = FieldFree::of(ising)?;
        // 0 − J, so that no weight is −0.
        let edges = ising.pairs().map(|(i, j, w)| (i, j, 0.0 - w)).collect();
        let graph = Graph::new(ising.spins(), edges)?;
        Ok(Self { graph, ancilla, offset: ising.offset() })
    }

    /// The energy of the original problem that belongs to a cut.
    #[must_use]
    pub fn energy_of_cut(&self, cut: f64) -> f64 {
        self.offset + self.graph.energy_of_cut(cut)
    }

    /// The spins of the original problem.
    ///
    /// # Errors
    /// Spins that are too many, too few, or not ±1.
    pub fn lift(&self, spins: &[i8]) -> Result<Vec<i8>, Error> {
        lift(self.graph.nodes(), self.ancilla, spins)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn states(n: usize) -> impl Iterator<Item = Vec<i8>> {
        (0..1_u32 << n).map(move |bits| (0..n).map(|i| 1 - 2 * (bits >> i & 1) as i8).collect())
    }

    proptest! {
        #[test]
        fn every_form_has_the_same_energies(
            couplings in prop::collection::vec(-9_i32..10, 10),
            fields in prop::collection::vec(-3_i32..4, 5),
            offset in -9_i32..10,
        ) {
            let pairs = (0..5).flat_map(|i| (i + 1..5).map(move |j| (i, j)));
            let couplings: Vec<_> =
                pairs.zip(&couplings).map(|((i, j), &w)| (i, j, f64::from(w))).collect();
            let ising = Ising::from_couplings(5, &couplings).unwrap();
            let graph = Graph::new(5, couplings).unwrap();
            let ising = ising.with_fields(fields.iter().map(|&h| h.into()).collect()).unwrap();
            let ising = ising.with_offset(offset.into()).unwrap();
            let qubo = Qubo::from_ising(&ising).unwrap();
            for instance in [Instance::from(graph), ising.into(), qubo.into()] {
                let ising = instance.to_ising().unwrap();
                let qubo = instance.to_qubo().unwrap();
                let cut = instance.to_max_cut().unwrap();
                for s in states(5) {
                    let energy = ising.energy(&s).unwrap();
                    let value = instance.value(&s).unwrap();
                    prop_assert_eq!(instance.value_of_energy(energy), value);
                    prop_assert_eq!(instance.energy_of_value(value), energy);
                    prop_assert_eq!(qubo.value(&binary_of_spins(&s).unwrap()).unwrap(), energy);
                }
                for s in states(cut.graph.nodes()) {
                    let energy = ising.energy(&cut.lift(&s).unwrap()).unwrap();
                    prop_assert_eq!(cut.energy_of_cut(cut.graph.cut(&s).unwrap()), energy);
                }
            }
        }
    }

    #[test]
    fn lifts_only_spins() {
        let ising = Ising::from_couplings(1, &[]).unwrap().with_fields(vec![2.0]).unwrap();
        let free = FieldFree::of(&ising).unwrap();
        assert!(free.lift(&[1]).is_err());
        assert_eq!(free.lift(&[1, 0]).unwrap_err().to_string(), "spin 1 is 0, expected 1 or -1");
        assert!("cut".parse::<Model>().is_err());
    }
}
