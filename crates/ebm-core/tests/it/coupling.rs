//! Every coupling against the explicit matrix it stands for.

use ebm_core::coupling::{
    DenseCoupling, LowRankCoupling, ScaledCoupling, ShiftedCoupling, SparseCoupling, SumCoupling,
};
use ebm_core::random::stream;
use ebm_core::{Batch, BatchMut, Coupling, Real, Workspace};
use proptest::prelude::*;
use rand::RngExt;

/// An explicit matrix in `f64`, column-major.
struct Explicit {
    n: usize,
    entries: Vec<f64>,
}

impl Explicit {
    fn from_fn(n: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        Self { n, entries: (0..n * n).map(|at| entry(at % n, at / n)).collect() }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.entries[i + j * self.n]
    }

    /// `(W x)ᵢ` and `(|W| |x|)ᵢ`, the scale of its rounding.
    fn row_dot<T: Real>(&self, i: usize, x: &[T]) -> (f64, f64) {
        (0..self.n).fold((0.0, 0.0), |(sum, scale), j| {
            let term = self.at(i, j) * x[j].to_f64();
            (sum + term, scale + term.abs())
        })
    }

    /// A lower bound on the spectral radius that converges to it.
    fn spectral_radius(&self) -> f64 {
        let mut x: Vec<f64> = (0..self.n).map(|i| 1.0 + (i as f64).sin()).collect();
        let mut radius = 0.0_f64;
        for _ in 0..100 {
            let y: Vec<f64> = (0..self.n).map(|i| self.row_dot(i, &x).0).collect();
            let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
            let (before, after) = (norm(&x), norm(&y));
            if after == 0.0 {
                return radius;
            }
            radius = radius.max(after / before);
            x = y.iter().map(|y| y / after).collect();
        }
        radius
    }
}

fn states<T: Real>(n: usize, count: usize, seed: u64) -> Vec<T> {
    let mut rng = stream(seed, 0);
    (0..n * count).map(|_| T::from_f64(rng.random_range(-1.0..1.0))).collect()
}

/// What every coupling must do, whatever its form. `magnitude` bounds the
/// entries it sums internally, relative to those of the matrix.
fn contract<T: Real>(coupling: &dyn Coupling<T>, matrix: &Explicit, magnitude: f64, seed: u64) {
    let n = matrix.n;
    assert_eq!(coupling.dim(), n);
    let mut ws = Workspace::new();
    let slack = 4.0 * (n as f64 + 16.0) * T::EPSILON.to_f64();
    let floor = magnitude * n as f64;
    let close = |value: T, expected: f64, scale: f64| {
        let value = value.to_f64();
        assert!(
            (value - expected).abs() <= slack * (scale + floor),
            "{value} instead of {expected}"
        );
    };

    let mut row = vec![T::ZERO; n];
    let mut diagonal = vec![T::ZERO; n];
    coupling.diagonal(&mut diagonal);
    for i in 0..n {
        coupling.row(i, &mut row);
        for (j, w) in row.iter().enumerate() {
            close(*w, matrix.at(i, j), matrix.at(i, j).abs());
        }
        assert_eq!(row[i], diagonal[i], "row and diagonal");
    }

    for count in [0, 1, 2, 3, 5, 8, 16, 17, 37] {
        let x = states::<T>(n, count, seed);
        let mut out = vec![T::ONE; n * count];
        let (batch, mut result) = (Batch::new(&x, n).unwrap(), BatchMut::new(&mut out, n).unwrap());
        coupling.apply_batch(batch, result.reborrow(), &mut ws);
        for (x, y) in batch.columns().zip(result.as_batch().columns()) {
            let mut single = vec![T::ONE; n];
            coupling.apply(x, &mut single, &mut ws);
            let mut quadratic = (0.0, 0.0);
            for i in 0..n {
                let (expected, scale) = matrix.row_dot(i, x);
                close(y[i], expected, scale);
                close(single[i], expected, scale);
                close(coupling.row_dot(i, x), expected, scale);
                quadratic.0 += x[i].to_f64() * expected;
                quadratic.1 += x[i].to_f64().abs() * scale;
            }
            let value = coupling.quadratic(x, &mut ws);
            close(value, quadratic.0, 2.0 * quadratic.1 + floor * n as f64);
        }
    }

    // Symmetry of the operator, not only of its entries.
    let (x, y) = (states::<T>(n, 1, seed + 1), states::<T>(n, 1, seed + 2));
    let (mut wx, mut wy) = (vec![T::ZERO; n], vec![T::ZERO; n]);
    coupling.apply(&x, &mut wx, &mut ws);
    coupling.apply(&y, &mut wy, &mut ws);
    let dot =
        |a: &[T], b: &[T]| -> f64 { a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum() };
    let scale: f64 = (0..n).map(|i| matrix.row_dot(i, &y).1).sum();
    let (yx, xy) = (dot(&y, &wx), dot(&x, &wy));
    assert!((yx - xy).abs() <= 4.0 * slack * (scale + floor * n as f64), "{yx} and {xy}");

    // The bound is that of the factors as stored, which are rounded to `T`.
    let (bound, radius) = (coupling.norm_bound(), matrix.spectral_radius());
    let rounding = T::EPSILON.to_f64() * floor;
    assert!(bound >= radius * (1.0 - 1e-14) - rounding, "bound {bound}, radius {radius}");

    // Warm by now: neither form allocates.
    let x = states::<T>(n, 16, seed);
    let mut out = vec![T::ZERO; n * 16];
    let info = allocation_counter::measure(|| {
        coupling.apply(&x[..n], &mut out[..n], &mut ws);
        coupling.quadratic(&x[..n], &mut ws);
        let (x, out) = (Batch::new(&x, n).unwrap(), BatchMut::new(&mut out, n).unwrap());
        coupling.apply_batch(x, out, &mut ws);
    });
    assert_eq!(info.count_total, 0, "allocations");
}

fn random_symmetric(n: usize, seed: u64) -> Explicit {
    let mut rng = stream(seed, 1);
    let values: Vec<f64> = (0..n * n).map(|_| f64::from(rng.random_range(-1.0_f32..1.0))).collect();
    Explicit::from_fn(n, |i, j| values[i.min(j) + i.max(j) * n])
}

/// Undirected edges of a random graph, each kept with probability `density`.
fn random_edges<T: Real>(n: usize, density: f64, seed: u64) -> Vec<(usize, usize, T)> {
    let mut rng = stream(seed, 2);
    let mut edges = Vec::new();
    for i in 0..n {
        for j in 0..i {
            if rng.random_bool(density) {
                let w = T::from_f64(f64::from(rng.random_range(-1.0_f32..1.0)));
                edges.push(if rng.random() { (i, j, w) } else { (j, i, w) });
            }
        }
    }
    // In no particular order.
    for at in (1..edges.len()).rev() {
        edges.swap(at, rng.random_range(0..=at));
    }
    edges
}

fn explicit_graph<T: Real>(n: usize, edges: &[(usize, usize, T)], diagonal: &[T]) -> Explicit {
    let mut matrix = Explicit::from_fn(n, |_, _| 0.0);
    for (i, j, w) in edges {
        matrix.entries[i + j * n] = w.to_f64();
        matrix.entries[j + i * n] = w.to_f64();
    }
    for (i, d) in diagonal.iter().enumerate() {
        matrix.entries[i + i * n] = d.to_f64();
    }
    matrix
}

fn check_all<T: Real>(n: usize, rank: usize, density: f64, seed: u64) {
    let matrix = random_symmetric(n, seed);
    let dense = DenseCoupling::from_fn(n, |i, j| T::from_f64(matrix.at(i, j))).unwrap();
    contract(&dense, &matrix, 0.0, seed);

    let edges = random_edges::<T>(n, density, seed);
    let sparse = SparseCoupling::from_edges(n, &edges).unwrap();
    let graph = explicit_graph(n, &edges, &[]);
    contract(&sparse, &graph, 0.0, seed);
    let diagonal = states::<T>(n, 1, seed + 9);
    let with_diagonal = SparseCoupling::with_diagonal(n, &edges, &diagonal).unwrap();
    contract(&with_diagonal, &explicit_graph(n, &edges, &diagonal), 0.0, seed);

    let patterns = states::<T>(n, rank, seed + 3);
    let weights = states::<T>(rank, 1, seed + 4);
    let entry = |i: usize, j: usize| -> f64 {
        let terms = weights.iter().zip(patterns.chunks(n));
        terms.map(|(d, p)| d.to_f64() * p[i].to_f64() * p[j].to_f64()).sum::<f64>() / n as f64
    };
    let low_rank = LowRankCoupling::new(Batch::new(&patterns, n).unwrap(), &weights).unwrap();
    let magnitude = rank as f64 / n as f64;
    let full = Explicit::from_fn(n, entry);
    contract(&low_rank, &full, magnitude, seed);
    let hollow = low_rank.clone().with_zero_diagonal();
    contract(
        &hollow,
        &Explicit::from_fn(n, |i, j| if i == j { 0.0 } else { entry(i, j) }),
        magnitude,
        seed,
    );
    let mut zeros = vec![T::ONE; n];
    hollow.diagonal(&mut zeros);
    assert!(zeros.iter().all(|d| *d == T::ZERO), "zero diagonal");

    let c = T::from_f64(-0.75);
    let shifted = ShiftedCoupling::uniform(&sparse, c).unwrap();
    let expected = Explicit::from_fn(n, |i, j| graph.at(i, j) + if i == j { -0.75 } else { 0.0 });
    contract(&shifted, &expected, 1.0 / n as f64, seed);
    let shifted = ShiftedCoupling::diagonal(&dense, diagonal.clone()).unwrap();
    let expected = Explicit::from_fn(n, |i, j| {
        matrix.at(i, j) + if i == j { diagonal[i].to_f64() } else { 0.0 }
    });
    contract(&shifted, &expected, 1.0 / n as f64, seed);
    let scaled = ScaledCoupling::new(&dense, c).unwrap();
    contract(&scaled, &Explicit::from_fn(n, |i, j| -0.75 * matrix.at(i, j)), 0.0, seed);
    let sum = SumCoupling::new::<T>(&sparse, &low_rank).unwrap();
    let expected = Explicit::from_fn(n, |i, j| graph.at(i, j) + full.at(i, j));
    contract(&sum, &expected, magnitude, seed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_form_is_its_matrix(
        n in 1_usize..40, rank in 1_usize..60, density in 0.0..1.0_f64, seed in 0..1000_u64,
    ) {
        check_all::<f64>(n, rank, density, seed);
        check_all::<f32>(n, rank, density, seed);
    }

    /// One sum per replica and row, in one order, whoever asks.
    #[test]
    fn sparse_forms_agree_to_the_bit(
        n in 1_usize..60, density in 0.0..0.5_f64, replicas in 1_usize..70, seed in 0..1000_u64,
    ) {
        same_bits::<f32>(n, density, replicas, seed);
        same_bits::<f64>(n, density, replicas, seed);
    }
}

fn same_bits<T: Real>(n: usize, density: f64, replicas: usize, seed: u64) {
    let edges = random_edges::<T>(n, density, seed);
    let coupling = SparseCoupling::from_edges(n, &edges).unwrap();
    let x = states::<T>(n, replicas, seed);
    let mut ws = Workspace::new();
    let mut batch = vec![T::ONE; n * replicas];
    let out = BatchMut::new(&mut batch, n).unwrap();
    coupling.apply_batch(Batch::new(&x, n).unwrap(), out, &mut ws);
    let interleaved: Vec<T> =
        (0..n * replicas).map(|at| x[at % replicas * n + at / replicas]).collect();
    let mut products = vec![T::ONE; n * replicas];
    coupling.apply_interleaved(&interleaved, &mut products, replicas);
    for (r, (x, batch)) in x.chunks(n).zip(batch.chunks(n)).enumerate() {
        let mut single = vec![T::ONE; n];
        coupling.apply(x, &mut single, &mut ws);
        assert_eq!(single, batch, "batch");
        for (i, y) in single.iter().enumerate() {
            assert_eq!(*y, products[i * replicas + r], "interleaved");
            assert_eq!(*y, coupling.row_dot(i, x), "row_dot");
        }
    }
}

/// Sizes around the tiles and blocks of the kernels.
#[test]
fn larger_sizes() {
    for (n, rank) in [(63, 70), (64, 1), (129, 9)] {
        check_all::<f64>(n, rank, 0.1, 5);
        check_all::<f32>(n, rank, 0.1, 5);
    }
}

#[test]
fn csr_is_the_graph_it_came_from() {
    let edges = random_edges::<f64>(30, 0.2, 1);
    let graph = SparseCoupling::with_diagonal(30, &edges, &states::<f64>(30, 1, 2)).unwrap();
    let (mut starts, mut columns, mut weights) = (vec![0], Vec::new(), Vec::new());
    for i in 0..30 {
        let (js, ws) = graph.neighbors(i);
        assert!(js.is_sorted());
        // Backwards: the order within a row is free.
        columns.extend(js.iter().rev());
        weights.extend(ws.iter().rev());
        starts.push(columns.len());
    }
    assert_eq!(SparseCoupling::from_csr(&starts, &columns, &weights).unwrap(), graph);
    assert_eq!(graph.entry_count(), columns.len());
}

/// Bounds that are known in closed form.
#[test]
fn norm_bounds_are_tight_where_they_can_be() {
    // A cycle has ρ = 2, a star of k leaves √k, which row sums put at k.
    let cycle: Vec<_> = (0..100).map(|i| (i, (i + 1) % 100, 1.0)).collect();
    let bound = SparseCoupling::from_edges(100, &cycle).unwrap().norm_bound();
    assert!((2.0..2.0 + 1e-9).contains(&bound), "{bound}");
    let star: Vec<_> = (1..=100).map(|i| (0, i, 1.0)).collect();
    let bound = SparseCoupling::from_edges(101, &star).unwrap().norm_bound();
    assert!((10.0..20.0).contains(&bound), "{bound}");
    // Without edges, and with one node apart.
    assert_eq!(SparseCoupling::<f64>::from_edges(5, &[]).unwrap().norm_bound(), 0.0);
    let pair = SparseCoupling::from_edges(3, &[(0, 2, -3.0)]).unwrap();
    assert!((3.0..3.0 + 1e-9).contains(&pair.norm_bound()));
    // Orthogonal ±1 patterns project: ρ = 1, and K/N less without diagonal.
    let patterns = [1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, -1.0];
    let projector = LowRankCoupling::new(Batch::new(&patterns, 4).unwrap(), &[1.0; 2]).unwrap();
    assert!((1.0..1.0 + 1e-9).contains(&projector.norm_bound()));
    let bound = projector.with_zero_diagonal().norm_bound();
    assert!((0.5..0.5 + 1e-9).contains(&bound), "{bound}");
    // Rank one: the Frobenius norm is exact, the row sum n times the truth.
    let spike = DenseCoupling::from_fn(50, |i, j| if i == 0 && j == 0 { 7.0 } else { 0.0 });
    assert!((7.0..7.0 + 1e-9).contains(&spike.unwrap().norm_bound()));
}

#[test]
fn combinations_nest() {
    let edges = random_edges::<f64>(20, 0.3, 3);
    let graph = SparseCoupling::from_edges(20, &edges).unwrap();
    let sum = SumCoupling::new::<f64>(&graph, ScaledCoupling::new(&graph, -1.0).unwrap()).unwrap();
    let leak = ShiftedCoupling::uniform(sum, 2.0).unwrap();
    contract(&leak, &Explicit::from_fn(20, |i, j| if i == j { 2.0 } else { 0.0 }), 1.0, 1);
}
