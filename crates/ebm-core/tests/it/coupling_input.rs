//! What the constructors of couplings refuse, and how they say it.

use ebm_core::coupling::{
    DenseCoupling, LowRankCoupling, ScaledCoupling, ShiftedCoupling, SparseCoupling, SumCoupling,
};
use ebm_core::faer::Mat;
use ebm_core::{Batch, Coupling, Error};
use proptest::prelude::*;

#[test]
fn dense_refuses_what_is_no_symmetric_matrix() {
    let new = |n: usize, entries: &[f64]| DenseCoupling::from_column_major(n, entries);
    assert!(matches!(new(0, &[]), Err(Error::Empty { .. })));
    assert!(matches!(new(2, &[1.0; 3]), Err(Error::Dimension { expected: 4, found: 3, .. })));
    assert!(matches!(new(2, &[0.0, 1.0, f64::NAN, 0.0]), Err(Error::NotFinite { index: 2, .. })));
    assert!(matches!(new(1, &[f64::INFINITY]), Err(Error::NotFinite { .. })));
    assert_eq!(
        new(2, &[0.0, 1.0, 2.0, 0.0]),
        Err(Error::Asymmetric {
            what: "entries of a dense coupling",
            row: 0,
            col: 1,
            upper: 2.0,
            lower: 1.0
        })
    );
    assert!(matches!(new(usize::MAX, &[]), Err(Error::TooLarge { .. })));
    assert!(matches!(DenseCoupling::from_fn(usize::MAX, |_, _| 0.0), Err(Error::TooLarge { .. })));
    assert!(matches!(
        DenseCoupling::from_fn(1_000_000_000, |_, _| 0.0),
        Err(Error::Allocation { .. })
    ));
    assert!(matches!(
        DenseCoupling::from_fn(3, |i, j| if i + j == 3 { f32::NAN } else { 0.0 }),
        Err(Error::NotFinite { .. })
    ));
    assert!(matches!(
        DenseCoupling::from_faer(Mat::<f64>::zeros(2, 3).as_ref()),
        Err(Error::Dimension { .. })
    ));
    assert!(matches!(
        DenseCoupling::from_faer(Mat::<f64>::zeros(0, 0).as_ref()),
        Err(Error::Empty { .. })
    ));
}

#[test]
fn dense_from_faer_takes_views() {
    let matrix = Mat::from_fn(5, 5, |i, j| (i * j) as f64);
    let part = matrix.as_ref().submatrix(1, 1, 3, 3);
    let coupling = DenseCoupling::from_faer(part.reverse_rows_and_cols()).unwrap();
    assert_eq!(coupling.column(0), [9.0, 6.0, 3.0]);
    assert_eq!(coupling.as_faer()[(2, 1)], 2.0);
}

#[test]
fn symmetrized_takes_rounding_and_nothing_more() {
    let entries = [1.0, 2.0 + 1e-12, 2.0, 1.0];
    assert!(DenseCoupling::from_column_major(2, entries).is_err());
    assert!(DenseCoupling::symmetrized(2, entries, 1e-13).is_err());
    let coupling = DenseCoupling::symmetrized(2, entries, 1e-11).unwrap();
    assert_eq!(coupling.column(0)[1], coupling.column(1)[0]);
    for tolerance in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            DenseCoupling::symmetrized(2, entries, tolerance),
            Err(Error::Parameter { .. })
        ));
    }
    // Entries whose difference overflows are not close.
    assert!(DenseCoupling::symmetrized(2, [0.0, f64::MAX, -f64::MAX, 0.0], 0.1).is_err());
}

#[test]
fn edges_that_make_no_graph() {
    let new = |n: usize, edges: &[(usize, usize, f64)]| SparseCoupling::from_edges(n, edges);
    assert!(matches!(new(0, &[]), Err(Error::Empty { .. })));
    assert!(matches!(new(2, &[(0, 2, 1.0)]), Err(Error::OutOfRange { index: 2, bound: 2, .. })));
    assert!(matches!(new(2, &[(usize::MAX, 0, 1.0)]), Err(Error::OutOfRange { .. })));
    assert_eq!(new(2, &[(0, 1, 1.0), (1, 1, 1.0)]), Err(Error::SelfEdge { edge: 1, node: 1 }));
    assert!(matches!(new(2, &[(0, 1, f64::NAN)]), Err(Error::NotFinite { index: 0, .. })));
    for twice in [[(0, 1, 1.0), (0, 1, 1.0)], [(0, 1, 1.0), (1, 0, 1.0)]] {
        assert!(matches!(new(2, &twice), Err(Error::Duplicate { row: 0, col: 1, .. })));
    }
    assert!(matches!(
        SparseCoupling::with_diagonal(2, &[(0, 1, 1.0)], &[0.0]),
        Err(Error::Dimension { .. })
    ));
    assert!(matches!(
        SparseCoupling::with_diagonal(2, &[], &[0.0, f32::INFINITY]),
        Err(Error::NotFinite { index: 1, .. })
    ));
}

/// A header that declares a billion nodes is refused before any memory is.
#[test]
fn declared_sizes_are_not_believed() {
    for n in [1_000_000_000, u32::MAX as usize, usize::MAX] {
        let info = allocation_counter::measure(|| {
            let refused = SparseCoupling::from_edges(n, &[(0, 1, 1.0_f64)]);
            assert!(matches!(refused, Err(Error::TooLarge { .. })));
        });
        assert!(info.bytes_max < 1024, "{} bytes", info.bytes_max);
    }
    // Isolated nodes in any sensible number are fine.
    let sparse = SparseCoupling::from_edges(1_000_000, &[(0, 999_999, 1.0_f32)]).unwrap();
    assert_eq!(sparse.neighbors(999_999), (&[0_u32][..], &[1.0_f32][..]));
}

#[test]
fn arrays_that_make_no_compressed_rows() {
    let new = SparseCoupling::<f64>::from_csr;
    assert!(new(&[0, 1, 2], &[1, 0], &[3.0, 3.0]).is_ok());
    assert!(new(&[0, 1], &[0], &[3.0]).is_ok(), "a diagonal entry");
    assert!(matches!(new(&[], &[], &[]), Err(Error::Empty { .. })));
    assert!(matches!(new(&[0], &[], &[]), Err(Error::Empty { .. })));
    assert!(matches!(new(&[1, 1, 2], &[1, 0], &[3.0; 2]), Err(Error::Dimension { .. })));
    assert!(matches!(new(&[0, 1, 3], &[1, 0], &[3.0; 2]), Err(Error::Dimension { .. })));
    assert!(matches!(new(&[0, 1, 2], &[1, 0], &[3.0]), Err(Error::Dimension { .. })));
    assert!(matches!(new(&[0, 3, 2], &[1, 0], &[3.0; 2]), Err(Error::OutOfRange { .. })));
    assert!(matches!(new(&[0, usize::MAX, 2], &[1, 0], &[3.0; 2]), Err(Error::OutOfRange { .. })));
    assert!(matches!(new(&[0, 1, 2], &[1, 2], &[3.0; 2]), Err(Error::OutOfRange { .. })));
    assert!(matches!(new(&[0, 2, 2], &[1, 1], &[3.0; 2]), Err(Error::Duplicate { .. })));
    assert!(matches!(new(&[0, 1, 2], &[1, 0], &[3.0, f64::NAN]), Err(Error::NotFinite { .. })));
    assert_eq!(
        new(&[0, 1, 2], &[1, 0], &[3.0, 4.0]),
        Err(Error::Asymmetric { what: "sparse coupling", row: 0, col: 1, upper: 3.0, lower: 4.0 })
    );
    assert_eq!(
        new(&[0, 1, 1], &[1], &[3.0]),
        Err(Error::Asymmetric { what: "sparse coupling", row: 0, col: 1, upper: 3.0, lower: 0.0 })
    );
    assert_eq!(
        new(&[0, 0, 1], &[0], &[3.0]),
        Err(Error::Asymmetric { what: "sparse coupling", row: 0, col: 1, upper: 0.0, lower: 3.0 })
    );
}

#[test]
fn low_rank_and_combinations_check_their_parts() {
    let patterns = Batch::new(&[1.0, -1.0, 1.0, 1.0], 2).unwrap();
    assert!(matches!(LowRankCoupling::new(patterns, &[1.0]), Err(Error::Dimension { .. })));
    assert!(matches!(
        LowRankCoupling::new(patterns, &[1.0, f64::NAN]),
        Err(Error::NotFinite { .. })
    ));
    assert!(matches!(
        LowRankCoupling::new(Batch::new(&[f64::NAN, 1.0], 2).unwrap(), &[1.0]),
        Err(Error::NotFinite { .. })
    ));
    assert!(matches!(
        LowRankCoupling::new(Batch::new(&[1e200, 1.0], 2).unwrap(), &[1.0]),
        Err(Error::NotFinite { .. })
    ));
    assert!(matches!(
        LowRankCoupling::<f64>::new(Batch::new(&[], 2).unwrap(), &[]),
        Err(Error::Empty { .. })
    ));
    let two = SparseCoupling::from_edges(2, &[(0, 1, 1.0)]).unwrap();
    let three = SparseCoupling::from_edges(3, &[(0, 1, 1.0)]).unwrap();
    assert!(matches!(SumCoupling::new::<f64>(&two, &three), Err(Error::Dimension { .. })));
    assert!(ShiftedCoupling::uniform(&two, f64::NAN).is_err());
    assert!(ShiftedCoupling::diagonal(&two, [1.0]).is_err());
    assert!(ShiftedCoupling::diagonal(&two, [1.0, f64::INFINITY]).is_err());
    assert!(ScaledCoupling::new(&two, f64::INFINITY).is_err());
    assert_eq!(ScaledCoupling::new(&two, 0.0).unwrap().norm_bound(), 0.0);
}

proptest! {
    /// Arbitrary arrays give a coupling or an error, and never a panic.
    #[test]
    fn arbitrary_csr(
        starts in prop::collection::vec(0_usize..6, 0..6),
        columns in prop::collection::vec(0_u32..6, 0..6),
        weights in prop::collection::vec(-1.0..1.0_f64, 0..6),
    ) {
        let _ = SparseCoupling::from_csr(&starts, &columns, &weights);
    }

    /// Arbitrary edge lists: accepted exactly if each pair is proper and new.
    #[test]
    fn arbitrary_edges(
        n in 0_usize..6,
        edges in prop::collection::vec((0_usize..6, 0_usize..6, -1.0..1.0_f64), 0..6),
    ) {
        let mut seen = std::collections::HashSet::new();
        let proper = n > 0 && edges.iter().all(|(i, j, _)| {
            i != j && *i < n && *j < n && seen.insert((i.min(j), i.max(j)))
        });
        prop_assert_eq!(SparseCoupling::from_edges(n, &edges).is_ok(), proper);
    }

    /// Extreme magnitudes are stored and bounded, not rejected or lost.
    #[test]
    fn extreme_magnitudes(w in prop::sample::select(vec![f64::MAX, 1e300, 1e-300, 5e-324, 0.0])) {
        let dense = DenseCoupling::from_fn(4, |_, _| w).unwrap();
        prop_assert!(dense.norm_bound() >= w);
        let edges = [(0, 1, w), (1, 2, w), (0, 2, w)];
        let sparse = SparseCoupling::from_edges(4, &edges).unwrap();
        prop_assert!(sparse.norm_bound() >= w);
    }
}

#[test]
fn equality_does_not_depend_on_what_is_known() {
    let edges = [(0, 1, 2.0), (1, 2, -1.0)];
    let matrix = SparseCoupling::from_edges(3, &edges).unwrap();
    let again = matrix.clone();
    assert!((2.2..=3.0).contains(&matrix.norm_bound()));
    assert_eq!(matrix, again);
    assert_ne!(matrix, SparseCoupling::from_edges(3, &edges[..1]).unwrap());
    assert_eq!(matrix.clone().norm_bound(), again.norm_bound());
}
