//! Integer problems laid out for sweeps over blocks of spins, and their
//! incremental state: spins, local fields and energy.
//!
//! ```text
//! fᵢ = Σⱼ Aᵢⱼ sⱼ + bᵢ,    gain gᵢ = sᵢ fᵢ,    flip i:  E ← E + 2 gᵢ,  fⱼ ← fⱼ − 2 sᵢ Aᵢⱼ
//! ```
//!
//! Spins are placed in blocks of [`LANES`] whose members are not coupled to
//! each other wherever that is possible. A test of one block against sixteen
//! thresholds is then a handful of vector instructions, and stays valid while
//! members of the block flip one after the other.

use std::ops::Range;

use crate::IntegerIsing;

/// Spins in a block.
pub(crate) const LANES: usize = 16;

/// The integers in which local fields are counted.
pub(crate) trait Count: Copy + Default + Send + Sync + 'static {
    /// What a gain is compared with.
    type Limit: Copy + Default + Send + Sync + 'static;
    /// Local fields of problems counted in this type are at most this.
    const LARGEST: i32;
    /// The field of a slot without a spin, beyond every limit.
    const EMPTY: Self;

    fn from_i32(value: i32) -> Self;
    fn to_i32(self) -> i32;
    fn differs(self, other: Self) -> bool;
    /// `s f`, for spins `s = ±1`.
    fn gain(self, spin: Self) -> Self;
    fn add(self, amount: Self) -> Self;
    fn neg(self) -> Self;
    /// The limit that admits the integers up to `threshold`.
    fn limit(threshold: f32) -> Self::Limit;
    fn within(self, limit: Self::Limit) -> bool;
}

impl Count for i16 {
    type Limit = i16;
    const LARGEST: i32 = 16_000;
    const EMPTY: Self = 32_000;

    #[inline(always)]
    fn from_i32(value: i32) -> Self {
        value as Self
    }
    #[inline(always)]
    fn to_i32(self) -> i32 {
        i32::from(self)
    }
    #[inline(always)]
    fn differs(self, other: Self) -> bool {
        self != other
    }
    #[inline(always)]
    fn gain(self, spin: Self) -> Self {
        self.wrapping_mul(spin)
    }
    #[inline(always)]
    fn add(self, amount: Self) -> Self {
        self.wrapping_add(amount)
    }
    #[inline(always)]
    fn neg(self) -> Self {
        self.wrapping_neg()
    }
    #[inline(always)]
    fn limit(threshold: f32) -> i16 {
        // Adding 1.5·2²³ leaves the integer in the low bits, to nearest.
        let within = threshold.clamp(-16_001.0, 16_001.0);
        ((within - 0.5) + 12_582_912.0).to_bits() as i16
    }
    #[inline(always)]
    fn within(self, limit: i16) -> bool {
        self <= limit
    }
}

impl Count for i32 {
    type Limit = f32;
    const LARGEST: i32 = i32::MAX / 8;
    const EMPTY: Self = i32::MAX / 2;

    #[inline(always)]
    fn from_i32(value: i32) -> Self {
        value
    }
    #[inline(always)]
    fn to_i32(self) -> i32 {
        self
    }
    #[inline(always)]
    fn differs(self, other: Self) -> bool {
        self != other
    }
    #[inline(always)]
    fn gain(self, spin: Self) -> Self {
        self.wrapping_mul(spin)
    }
    #[inline(always)]
    fn add(self, amount: Self) -> Self {
        self.wrapping_add(amount)
    }
    #[inline(always)]
    fn neg(self) -> Self {
        self.wrapping_neg()
    }
    #[inline(always)]
    fn limit(threshold: f32) -> f32 {
        threshold.clamp(-3e8, 3e8)
    }
    #[inline(always)]
    fn within(self, limit: f32) -> bool {
        self as f32 <= limit
    }
}

/// Couplings stored for flips: `fields[j] += amount · Aᵢⱼ` for all `j`.
pub(crate) trait Links<F: Count>: Sync {
    fn spread(&self, i: usize, amount: i32, fields: &mut [F]);

    /// Calls `visit` with each neighbor and its coupling; also with fillers, in
    /// the slot after the last.
    fn for_each(&self, i: usize, visit: impl FnMut(u32, i32));

    /// A flip costs `O(n)`, whatever the degree.
    const DENSE: bool = false;
}

/// Neighbors are stored in groups of this size, the last one filled up with the
/// slot after all spins: loops of few, equal lengths, which the processor
/// predicts.
const GROUP: usize = 4;

/// Sparse couplings that are all `±w`: the neighbors with `+w` come first.
pub(crate) struct Signed {
    /// Row `i` is `[starts[2i], starts[2i+1])` with `+w` and
    /// `[starts[2i+1], starts[2i+2])` with `−w`.
    starts: Vec<u32>,
    groups: Vec<[u32; GROUP]>,
    magnitude: i32,
}

impl<F: Count> Links<F> for Signed {
    #[inline(always)]
    fn spread(&self, i: usize, amount: i32, fields: &mut [F]) {
        let (first, middle, last) =
            (self.starts[2 * i], self.starts[2 * i + 1], self.starts[2 * i + 2]);
        let up = F::from_i32(amount * self.magnitude);
        let down = up.neg();
        for group in &self.groups[first as usize..middle as usize] {
            for &j in group {
                fields[j as usize] = fields[j as usize].add(up);
            }
        }
        for group in &self.groups[middle as usize..last as usize] {
            for &j in group {
                fields[j as usize] = fields[j as usize].add(down);
            }
        }
    }

    #[inline(always)]
    fn for_each(&self, i: usize, mut visit: impl FnMut(u32, i32)) {
        for (side, weight) in [(2 * i, self.magnitude), (2 * i + 1, -self.magnitude)] {
            let (first, last) = (self.starts[side], self.starts[side + 1]);
            let neighbors = self.groups[first as usize..last as usize].as_flattened();
            neighbors.iter().for_each(|&j| visit(j, weight));
        }
    }
}

/// Sparse couplings of any size.
pub(crate) struct Weighted {
    starts: Vec<u32>,
    groups: Vec<[(u32, i32); GROUP]>,
}

impl<F: Count> Links<F> for Weighted {
    #[inline(always)]
    fn spread(&self, i: usize, amount: i32, fields: &mut [F]) {
        for group in &self.groups[self.starts[i] as usize..self.starts[i + 1] as usize] {
            for &(j, weight) in group {
                fields[j as usize] = fields[j as usize].add(F::from_i32(amount * weight));
            }
        }
    }

    #[inline(always)]
    fn for_each(&self, i: usize, mut visit: impl FnMut(u32, i32)) {
        let groups = &self.groups[self.starts[i] as usize..self.starts[i + 1] as usize];
        groups.as_flattened().iter().for_each(|&(j, weight)| visit(j, weight));
    }
}

/// Appends the items in groups, filled up with `filler`.
fn push_groups<T: Copy>(groups: &mut Vec<[T; GROUP]>, filler: T, items: impl Iterator<Item = T>) {
    for (count, item) in items.enumerate() {
        if count % GROUP == 0 {
            groups.push([filler; GROUP]);
        }
        if let Some(group) = groups.last_mut() {
            group[count % GROUP] = item;
        }
    }
}

/// A full matrix, row by row.
pub(crate) struct Dense<W> {
    slots: usize,
    weights: Vec<W>,
}

impl<F: Count, W: Copy + Sync + Into<F>> Links<F> for Dense<W> {
    const DENSE: bool = true;

    #[inline(always)]
    fn spread(&self, i: usize, amount: i32, fields: &mut [F]) {
        let row = &self.weights[i * self.slots..(i + 1) * self.slots];
        let amount = F::from_i32(amount);
        for (field, &weight) in fields.iter_mut().zip(row) {
            let weight: F = weight.into();
            *field = field.add(weight.gain(amount));
        }
    }

    #[inline(always)]
    fn for_each(&self, i: usize, mut visit: impl FnMut(u32, i32)) {
        let row = &self.weights[i * self.slots..(i + 1) * self.slots];
        for (j, &weight) in row.iter().enumerate() {
            let weight: F = weight.into();
            if weight.to_i32() != 0 {
                visit(j as u32, weight.to_i32());
            }
        }
    }
}

/// Where each spin is placed.
pub(crate) struct Layout {
    /// Slot of each spin.
    slot: Vec<u32>,
    /// Slots, a multiple of [`LANES`].
    slots: usize,
    /// No two spins of a block are coupled.
    independent: bool,
}

/// Candidates looked at for one more member of a block.
const WINDOW: usize = 1024;

impl Layout {
    /// Blocks of spins that are not coupled, filled greedily in index order;
    /// in plain order if that would leave more than an eighth of the slots empty.
    fn new(problem: &IntegerIsing) -> Self {
        let n = problem.spins();
        let allowed = n + n / 8 + 4 * LANES;
        let mut slot = vec![0; n];
        let mut stamp = vec![0_u32; n];
        // Rows of equal length side by side, long ones first while there is choice.
        let length = |i: &u32| {
            let weights = problem.neighbors(*i as usize).1;
            let positive = weights.iter().filter(|w| **w > 0).count();
            (positive.div_ceil(GROUP), (weights.len() - positive).div_ceil(GROUP))
        };
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_by_cached_key(|i| std::cmp::Reverse(length(i)));
        let mut waiting = std::collections::VecDeque::from(order);
        let mut skipped = Vec::new();
        let mut slots = 0;
        let mut block = 0;
        while !waiting.is_empty() && slots < allowed {
            block += 1;
            let mut members = 0;
            for _ in 0..WINDOW {
                let Some(i) = waiting.pop_front() else { break };
                if stamp[i as usize] == block {
                    skipped.push(i);
                    continue;
                }
                slot[i as usize] = (slots + members) as u32;
                members += 1;
                if members == LANES {
                    break;
                }
                for &j in problem.neighbors(i as usize).0 {
                    stamp[j as usize] = block;
                }
            }
            while let Some(i) = skipped.pop() {
                waiting.push_front(i);
            }
            slots += LANES;
        }
        if waiting.is_empty() {
            return Self { slot, slots, independent: true };
        }
        let slots = n.next_multiple_of(LANES);
        Self { slot: (0..n as u32).collect(), slots, independent: false }
    }
}

/// A problem in the layout of the sweeps.
pub(crate) struct System<F, L> {
    pub(crate) links: L,
    pub(crate) layout: Layout,
    /// `b` by slot.
    fields: Vec<F>,
    largest_field: i32,
}

/// Blocks tested between looks at the clock: some 60 µs.
pub(crate) const STRETCH: usize = 1024;

/// The incremental state of one replica, by slot.
pub(crate) struct SpinState<F> {
    pub(crate) spins: Vec<F>,
    pub(crate) fields: Vec<F>,
    /// `(H − c) / u`.
    pub(crate) energy: i64,
}

impl<F: Count> SpinState<F> {
    /// `sᵢ fᵢ`, half the change of energy of a flip.
    #[inline(always)]
    pub(crate) fn gain(&self, slot: usize) -> i32 {
        self.fields[slot].gain(self.spins[slot]).to_i32()
    }

    /// Becomes equal to another state of the same system.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.spins.copy_from_slice(&other.spins);
        self.fields.copy_from_slice(&other.fields);
        self.energy = other.energy;
    }
}

impl<F: Count, L: Links<F>> System<F, L> {
    fn new(problem: &IntegerIsing, layout: Layout, links: L) -> Self {
        // One block more, where the fillers of groups point.
        let mut fields = vec![F::EMPTY; layout.slots + LANES];
        for (slot, &b) in layout.slot.iter().zip(problem.fields()) {
            fields[*slot as usize] = F::from_i32(b);
        }
        Self { links, layout, fields, largest_field: problem.largest_field() }
    }

    pub(crate) fn spins(&self) -> usize {
        self.layout.slot.len()
    }

    /// Where the spins are.
    pub(crate) fn slots_of_spins(&self) -> &[u32] {
        &self.layout.slot
    }

    /// No local field is larger in magnitude.
    pub(crate) fn largest_field(&self) -> i32 {
        self.largest_field
    }

    /// Cost of a flip, in blocks tested.
    pub(crate) fn flip_cost(&self) -> usize {
        if L::DENSE { self.slots() / LANES } else { 1 }
    }

    /// All blocks, in stretches after which to look at the clock.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = Range<usize>> + use<F, L> {
        let blocks = self.slots() / LANES;
        let length = (4 * STRETCH / self.flip_cost()).clamp(32, STRETCH);
        (0..blocks.div_ceil(length)).map(move |k| k * length..((k + 1) * length).min(blocks))
    }

    pub(crate) fn slots(&self) -> usize {
        self.layout.slots
    }

    pub(crate) fn independent(&self) -> bool {
        self.layout.independent
    }

    /// A state with room for the spins, not yet set.
    pub(crate) fn state(&self) -> SpinState<F> {
        SpinState {
            spins: vec![F::from_i32(1); self.slots()],
            fields: self.fields.clone(),
            energy: 0,
        }
    }

    /// Sets all spins, and fields and energy from scratch.
    pub(crate) fn set(&self, state: &mut SpinState<F>, spins: &[i8]) {
        state.fields.copy_from_slice(&self.fields);
        for (slot, &spin) in self.layout.slot.iter().zip(spins) {
            let slot = *slot as usize;
            state.spins[slot] = F::from_i32(i32::from(spin));
            self.links.spread(slot, i32::from(spin), &mut state.fields);
        }
        // Each coupling is in two fields, each b in one.
        let twice = |slot: &u32| {
            let slot = *slot as usize;
            let sum =
                i64::from(state.fields[slot].to_i32()) + i64::from(self.fields[slot].to_i32());
            i64::from(state.spins[slot].to_i32()) * sum
        };
        state.energy = -self.layout.slot.iter().map(twice).sum::<i64>() / 2;
    }

    /// The spins in the order of the problem.
    pub(crate) fn read(&self, slots: &[F], spins: &mut [i8]) {
        for (spin, slot) in spins.iter_mut().zip(&self.layout.slot) {
            *spin = slots[*slot as usize].to_i32() as i8;
        }
    }

    /// Flips the spin in a slot.
    #[inline(always)]
    pub(crate) fn flip(&self, state: &mut SpinState<F>, slot: usize) {
        let spin = state.spins[slot];
        state.energy += 2 * i64::from(state.fields[slot].gain(spin).to_i32());
        state.spins[slot] = spin.neg();
        self.links.spread(slot, -2 * spin.to_i32(), &mut state.fields);
    }
}

/// What a solver does with a system, whatever its number type and storage.
pub(crate) trait Visitor {
    type Output;
    fn visit<F: Count, L: Links<F> + 'static>(self, system: System<F, L>) -> Self::Output;
}

/// Couplings per slot above which a full matrix is faster to flip in.
const DENSE_SHARE: f64 = 0.25;

/// Largest full matrix, in slots.
const DENSE_SLOTS: usize = 16_384;

/// Builds the system that suits the problem and hands it to the visitor.
pub(crate) fn build<V: Visitor>(problem: &IntegerIsing, visitor: V) -> V::Output {
    let n = problem.spins();
    let layout = Layout::new(problem);
    let rows = || (0..n).map(|i| problem.neighbors(i));
    let stored: usize = rows().map(|(columns, _)| columns.len()).sum();
    let largest = rows().flat_map(|(_, w)| w).map(|w| w.unsigned_abs()).max().unwrap_or(0);
    let small = problem.largest_field() <= i16::LARGEST;
    if stored as f64 > DENSE_SHARE * (n * n) as f64 && layout.slots <= DENSE_SLOTS {
        return if small && largest < 128 {
            let links = dense(problem, &layout, |w| w as i8);
            visitor.visit(System::<i16, _>::new(problem, layout, links))
        } else {
            let links = dense(problem, &layout, |w| w);
            visitor.visit(System::<i32, _>::new(problem, layout, links))
        };
    }
    // Row by slot, so that slots in order read memory in order.
    let mut spin_of = vec![u32::MAX; layout.slots];
    for (i, &slot) in layout.slot.iter().enumerate() {
        spin_of[slot as usize] = i as u32;
    }
    let row = |slot: usize| {
        let spin = spin_of[slot];
        let (columns, weights) =
            if spin == u32::MAX { (&[][..], &[][..]) } else { problem.neighbors(spin as usize) };
        columns.iter().map(|&j| layout.slot[j as usize]).zip(weights.iter().copied())
    };
    let filler = layout.slots as u32;
    if small && rows().flat_map(|(_, w)| w).all(|w| w.unsigned_abs() == largest) {
        let mut links = Signed { starts: vec![0], groups: vec![], magnitude: largest as i32 };
        for slot in 0..layout.slots {
            for positive in [true, false] {
                let of_sign = row(slot).filter(|(_, w)| (*w > 0) == positive);
                push_groups(&mut links.groups, filler, of_sign.map(|(j, _)| j));
                links.starts.push(links.groups.len() as u32);
            }
        }
        return visitor.visit(System::<i16, _>::new(problem, layout, links));
    }
    let mut links = Weighted { starts: vec![0], groups: vec![] };
    for slot in 0..layout.slots {
        push_groups(&mut links.groups, (filler, 0), row(slot));
        links.starts.push(links.groups.len() as u32);
    }
    if small {
        visitor.visit(System::<i16, _>::new(problem, layout, links))
    } else {
        visitor.visit(System::<i32, _>::new(problem, layout, links))
    }
}

fn dense<W: Copy + Default>(
    problem: &IntegerIsing,
    layout: &Layout,
    convert: impl Fn(i32) -> W,
) -> Dense<W> {
    let slots = layout.slots;
    let mut weights = vec![W::default(); slots * slots];
    for (i, &slot) in layout.slot.iter().enumerate() {
        let (columns, row) = problem.neighbors(i);
        for (&j, &w) in columns.iter().zip(row) {
            weights[slot as usize * slots + layout.slot[j as usize] as usize] = convert(w);
        }
    }
    Dense { slots, weights }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ising;
    use ebm_core::random;
    use rand::RngExt;

    struct Walk<'a>(&'a IntegerIsing);

    impl Visitor for Walk<'_> {
        type Output = ();

        fn visit<F: Count, L: Links<F> + 'static>(self, system: System<F, L>) {
            let n = self.0.spins();
            let mut rng = random::stream(1, 1);
            let mut spins: Vec<i8> = (0..n).map(|_| if rng.random() { 1 } else { -1 }).collect();
            let mut state = system.state();
            system.set(&mut state, &spins);
            for flips in 0..=1_000_000 {
                if flips % 250_000 == 0 {
                    system.read(&state.spins, &mut spins);
                    assert_eq!(state.energy, self.0.energy(&spins), "after {flips} flips");
                    for (i, &slot) in system.layout.slot.iter().enumerate() {
                        let field = state.fields[slot as usize].to_i32();
                        assert_eq!(field, self.0.local_field(&spins, i));
                    }
                }
                let slot = system.layout.slot[rng.random_range(0..n)];
                system.flip(&mut state, slot as usize);
            }
        }
    }

    fn random(n: usize, density: f64, scale: f64) -> IntegerIsing {
        let mut rng = random::stream(7, 0);
        let mut pairs = Vec::new();
        for i in 0..n {
            for j in i + 1..n {
                if rng.random::<f64>() < density {
                    let sign = if rng.random() { 1.0 } else { -1.0 };
                    pairs.push((i, j, sign * (1.0 + (scale * rng.random::<f64>()).floor())));
                }
            }
        }
        let fields = (0..n).map(|_| f64::from(rng.random_range(-2_i32..=2))).collect();
        IntegerIsing::rounded(
            &Ising::from_couplings(n, &pairs).unwrap().with_fields(fields).unwrap(),
        )
    }

    #[test]
    fn energies_from_edges_equal_incremental_energies_after_a_million_flips() {
        for (density, scale) in
            [(0.06, 0.0), (0.06, 9.0), (0.06, 1e6), (0.9, 0.0), (0.9, 9.0), (0.9, 1e6), (0.0, 0.0)]
        {
            let problem = random(75, density, scale);
            build(&problem, Walk(&problem));
        }
    }

    #[test]
    fn blocks_of_sparse_problems_are_not_coupled() {
        let problem = random(500, 0.02, 0.0);
        let layout = Layout::new(&problem);
        assert!(layout.independent && layout.slots < 600);
        for i in 0..500 {
            let block = |i: usize| layout.slot[i] as usize / LANES;
            assert!(problem.neighbors(i).0.iter().all(|&j| block(j as usize) != block(i)));
        }
        let mut slots = layout.slot.clone();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), 500);
        assert!(!Layout::new(&random(200, 0.9, 0.0)).independent);
    }
}
