//! Scratch memory that the caller owns, so that nothing allocates in a loop.

/// A chain of reusable buffers.
///
/// Every method that needs temporary memory takes a `&mut Workspace` last and
/// carves what it needs from it with [`take`](Self::take), which also returns
/// the rest of the chain to pass on. The first evaluation sizes the buffers;
/// later ones find them there. The contents of a taken buffer are unspecified.
///
/// ```
/// use ebm_core::Workspace;
/// let mut ws: Workspace = Workspace::new();
/// let (a, rest) = ws.take(3);
/// let (b, _) = rest.take(5);
/// a.fill(1.0);
/// b.fill(2.0);
/// assert_eq!((a.len(), b.len()), (3, 5));
/// ```
#[derive(Debug, Clone)]
pub struct Workspace<T = f64> {
    buffer: Vec<T>,
    next: Option<Box<Workspace<T>>>,
}

impl<T: Copy + Default> Workspace<T> {
    /// An empty chain; does not allocate.
    #[must_use]
    pub fn new() -> Self {
        Self { buffer: Vec::new(), next: None }
    }

    /// A buffer of length `len` and the rest of the chain.
    ///
    /// Allocates only when this position of the chain has not yet seen a
    /// request as long. The contents are whatever an earlier use left there.
    pub fn take(&mut self, len: usize) -> (&mut [T], &mut Self) {
        if self.buffer.len() < len {
            self.buffer.resize(len, T::default());
        }
        let next = self.next.get_or_insert_with(|| Box::new(Self::new()));
        (&mut self.buffer[..len], next)
    }
}

impl<T: Copy + Default> Default for Workspace<T> {
    fn default() -> Self {
        Self::new()
    }
}
