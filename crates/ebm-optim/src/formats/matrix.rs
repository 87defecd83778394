//! What a square matrix means as a problem.
//!
//! ```text
//! graph   wᵢⱼ = Aᵢⱼ, A symmetric with zero diagonal
//! Ising   H(s) = −½ sᵀA s, A symmetric:   J = A,  c = −½ tr A
//! QUBO    f(x) = xᵀA x:                   qᵢ = Aᵢᵢ,  Qᵢⱼ = Aᵢⱼ + Aⱼᵢ
//! ```

use super::Written;
use super::text::malformed;
use crate::{Error, FieldFree, Graph, Instance, Ising, Model, Qubo};

/// Builds an instance from the entries of a matrix.
#[derive(Debug)]
pub(super) struct Builder {
    model: Model,
    /// What indices in messages are counted from.
    base: usize,
    diagonal: Vec<(usize, f64)>,
    pairs: Vec<(usize, usize, f64)>,
}

impl Builder {
    pub(super) fn new(model: Model, base: usize) -> Self {
        Self { model, base, diagonal: vec![], pairs: vec![] }
    }

    /// Adds `Aᵢᵢ`.
    pub(super) fn diagonal(&mut self, i: usize, value: f64) -> Result<(), Error> {
        if value != 0.0 && self.model == Model::Graph {
            let expected = "0, as no node has an edge to itself (is the model a QUBO?)";
            return Err(malformed(self.place(i, i), expected, value));
        }
        self.diagonal.push((i, value));
        Ok(())
    }

    /// Adds `Aᵢⱼ` and `Aⱼᵢ`, `i < j`.
    pub(super) fn pair(&mut self, i: usize, j: usize, upper: f64, lower: f64) -> Result<(), Error> {
        let value = match self.model {
            Model::Qubo => upper + lower,
            _ if upper == lower => upper,
            _ => {
                let expected = format!("{lower}, as {}", self.place(j, i));
                return Err(malformed(self.place(i, j), expected, upper));
            }
        };
        self.pairs.push((i, j, value));
        Ok(())
    }

    fn place(&self, i: usize, j: usize) -> String {
        format!("entry ({}, {})", i + self.base, j + self.base)
    }

    /// The instance, of a size that has been checked.
    pub(super) fn finish(self, n: usize, offset: f64) -> Result<Instance, Error> {
        match self.model {
            Model::Graph if offset == 0.0 => Ok(Graph::new(n, self.pairs)?.into()),
            Model::Graph => Err(malformed("offset", "none, as graphs have none", offset)),
            Model::Ising => {
                let trace: f64 = self.diagonal.iter().map(|(_, a)| a).sum();
                let ising = Ising::from_couplings(n, &self.pairs)?;
                Ok(ising.with_offset(offset - 0.5 * trace)?.into())
            }
            Model::Qubo => {
                let mut linear = vec![0.0; n];
                for (i, value) in self.diagonal {
                    linear[i] = value;
                }
                Ok(Qubo::new(linear, &self.pairs)?.with_constant(offset)?.into())
            }
        }
    }
}

/// A symmetric matrix that means an instance.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) n: usize,
    pub(super) diagonal: Vec<f64>,
    /// `(i, j, Aᵢⱼ)`, `i < j`.
    pub(super) pairs: Vec<(usize, usize, f64)>,
    /// What is added to the form of the matrix.
    pub(super) offset: f64,
    pub(super) model: Model,
    pub(super) ancilla: Option<usize>,
}

impl Matrix {
    /// Fields become couplings to an ancilla.
    pub(super) fn of(instance: &Instance) -> Result<Self, Error> {
        let plain = |n, pairs, offset, ancilla| Self {
            n,
            diagonal: vec![],
            pairs,
            offset,
            model: instance.model(),
            ancilla,
        };
        match instance {
            Instance::Graph(graph) => {
                let edge = |&(i, j, w): &(usize, usize, f64)| (i.min(j), i.max(j), w + 0.0);
                Ok(plain(graph.nodes(), graph.edges().iter().map(edge).collect(), 0.0, None))
            }
            Instance::Ising(ising) => {
                let FieldFree { ising, ancilla } = FieldFree::of(ising)?;
                Ok(plain(ising.spins(), ising.pairs().collect(), ising.offset(), ancilla))
            }
            Instance::Qubo(qubo) => {
                let pairs = qubo.quadratic().map(|(i, j, q)| (i, j, 0.5 * q)).collect();
                let matrix = plain(qubo.variables(), pairs, qubo.constant(), None);
                Ok(Self { diagonal: qubo.linear().to_vec(), ..matrix })
            }
        }
    }

    /// How the instance stands in a file that has a place for the offset, or
    /// none.
    pub(super) fn written(&self, keeps_offset: bool) -> Written {
        let dropped_offset = if keeps_offset { 0.0 } else { self.offset };
        Written { model: self.model, ancilla: self.ancilla, dropped_offset }
    }
}
