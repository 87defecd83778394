//! Random signs of the noise of one step: one bit a node and replica.
//!
//! ```text
//! kick of node i:  ±σ,   by bit i mod 32 of word ⌊i/32⌋ of its replica
//! ```

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::rows::LANES;

/// Nodes that share a word.
const BITS: usize = u32::BITS as usize;

/// The signs of all nodes.
#[derive(Debug, Clone)]
pub(crate) struct Kicks {
    words: Vec<[u32; LANES]>,
}

impl Kicks {
    /// All positive.
    pub(crate) fn new(nodes: usize) -> Self {
        Self { words: vec![[0; LANES]; nodes.div_ceil(BITS)] }
    }

    /// Draws them, those of each replica from its own generator.
    pub(crate) fn draw(&mut self, rngs: &mut [ChaCha8Rng]) {
        for words in &mut self.words {
            for (word, rng) in words.iter_mut().zip(&mut *rngs) {
                *word = rng.next_u32();
            }
        }
    }

    /// The kick of node `i`, of the given size.
    #[inline(always)]
    pub(super) fn of(&self, i: usize, size: f32) -> Kick<'_> {
        Kick { words: &self.words[i / BITS], bit: (i % BITS) as u32, size: size.to_bits() }
    }
}

/// The kick of one node.
pub(super) struct Kick<'a> {
    words: &'a [u32; LANES],
    bit: u32,
    /// Bits of the size.
    size: u32,
}

impl Kick<'_> {
    /// In one replica: the size or its negative.
    #[inline(always)]
    pub(super) fn at(&self, lane: usize) -> f32 {
        f32::from_bits((self.words[lane] >> self.bit << 31) ^ self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebm_core::random;

    #[test]
    fn every_bit_is_a_sign() {
        let rngs = || -> Vec<ChaCha8Rng> { (0..16).map(|lane| random::stream(3, lane)).collect() };
        let mut kicks = Kicks::new(70);
        assert!((0..70).all(|i| (0..LANES).all(|lane| kicks.of(i, 0.5).at(lane) == 0.5)));
        kicks.draw(&mut rngs());
        for (lane, mut rng) in rngs().into_iter().enumerate() {
            let words: [u32; 3] = std::array::from_fn(|_| rng.next_u32());
            for i in 0..70 {
                let down = words[i / 32] >> (i % 32) & 1 == 1;
                assert_eq!(kicks.of(i, 0.5).at(lane), if down { -0.5 } else { 0.5 });
            }
        }
    }
}
