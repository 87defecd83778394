//! Rules that learn pattern after pattern, and the Energy Transformer.

use ebm_core::lagrangian::LayerNorm;
use serde::{Deserialize, Serialize};

use crate::energy_transformer::{Attention, AttentionEnergy, TokenMemoryEnergy};
use crate::{EnergyTransformer, Error, Patterns};

/// Hebb's rule: `Σ_μ ξᵢ^μ ξⱼ^μ`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HebbData {
    pub(crate) sums: Vec<f64>,
    pub(crate) dim: usize,
    pub(crate) count: usize,
}

/// Storkey's rule: its matrix, column by column.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StorkeyData {
    pub(crate) dim: usize,
    pub(crate) entries: Vec<f64>,
    pub(crate) count: usize,
}

/// A projection: its basis, and the patterns in that basis.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectionData {
    pub(crate) basis: Vec<f64>,
    pub(crate) coefficients: Vec<Vec<f64>>,
    pub(crate) dependent: Vec<usize>,
    pub(crate) dim: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttentionData {
    shape: Attention,
    beta: f64,
    keys: Vec<f64>,
    queries: Vec<f64>,
}

impl TryFrom<AttentionData> for AttentionEnergy {
    type Error = Error;

    fn try_from(written: AttentionData) -> Result<Self, Error> {
        Self::new(written.shape, written.keys, written.queries)?.with_beta(written.beta)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenMemory {
    patterns: Patterns,
    tokens: usize,
}

impl TryFrom<TokenMemory> for TokenMemoryEnergy {
    type Error = Error;

    fn try_from(written: TokenMemory) -> Result<Self, Error> {
        Self::new(written.patterns, written.tokens)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transformer {
    attention: AttentionEnergy,
    patterns: Patterns,
    norm: LayerNorm,
}

impl TryFrom<Transformer> for EnergyTransformer {
    type Error = Error;

    fn try_from(written: Transformer) -> Result<Self, Error> {
        Self::new(written.attention, written.patterns, written.norm)
    }
}

impl From<EnergyTransformer> for Transformer {
    fn from(block: EnergyTransformer) -> Self {
        let (attention, memory) = block.activation_energy().terms();
        Self {
            attention: attention.clone(),
            patterns: memory.patterns().clone(),
            norm: block.norm().group().clone(),
        }
    }
}
