//! Sixty-four replicas side by side: one cache line of signs.

/// Replicas that share a cache line.
pub const LANES: usize = 64;

/// One spin of [`LANES`] replicas, `+1` or `−1` each, or zero beyond the last
/// spin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Signs(pub [i8; LANES]);

/// One whole number for each of [`LANES`] replicas, such as a local field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Sums(pub [i16; LANES]);

impl Signs {
    /// No replica has a spin here.
    pub const ZERO: Self = Self([0; LANES]);
    /// All replicas up.
    pub const UP: Self = Self([1; LANES]);
}

impl Sums {
    /// Zero in all replicas.
    pub const ZERO: Self = Self([0; LANES]);
}
