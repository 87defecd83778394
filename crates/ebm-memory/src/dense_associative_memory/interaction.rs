//! How overlaps enter the energy of a discrete dense associative memory.
//!
//! ```text
//! polynomial              F(m) = mⁿ/n
//! rectified polynomial    F(m) = max(m, 0)ⁿ/n
//! exponential             F(m) = exp(βm)
//! ```
//!
//! The polynomial of degree two is the Hopfield network. Rectification takes
//! away the attractors `−ξ^μ` of even degrees and the noise of negative
//! overlaps, which doubles the capacity.
//!
//! Sources: D. Krotov and J. J. Hopfield, *Dense Associative Memory for Pattern
//! Recognition* (2016), arXiv 1606.01164; M. Demircigil et al., *On a Model of
//! Associative Memory with Huge Storage Capacity* (2017), arXiv 1702.01929.

use ebm_core::validate;

use crate::Error;

/// Degrees of which some energies fit into 128 bits.
const DEGREES: std::ops::RangeInclusive<u32> = 2..=126;

/// The function `F` of the overlaps; see the [module](self).
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Interaction {
    /// `mⁿ/n`.
    Polynomial {
        /// `n`, from 2 to 126.
        degree: u32,
    },
    /// `max(m, 0)ⁿ/n`.
    RectifiedPolynomial {
        /// `n`, from 2 to 126.
        degree: u32,
    },
    /// `exp(βm)`.
    Exponential {
        /// `β > 0`, finite four times over; one in the source.
        beta: f64,
    },
}

impl Interaction {
    /// Number of random patterns of `dim` signs that a memory holds with no
    /// wrong neuron in most of them, for large `dim`:
    ///
    /// ```text
    /// polynomial    N^{n−1} / (2 (2n−3)!! ln N),  twice that if rectified
    /// exponential   2^{N/2}  for β = 1
    /// ```
    ///
    /// `None` for another `β` and for degrees out of range. Not a number below
    /// two neurons.
    ///
    /// ```
    /// use ebm_memory::Interaction;
    /// let cubic = Interaction::Polynomial { degree: 3 };
    /// assert_eq!(cubic.capacity(100).map(|k| k as usize), Some(361));
    /// ```
    #[must_use]
    pub fn capacity(&self, dim: usize) -> Option<f64> {
        if dim < 2 {
            return Some(f64::NAN);
        }
        let n = dim as f64;
        match *self {
            Self::Polynomial { degree } => {
                if !DEGREES.contains(&degree) {
                    return None;
                }
                let odd: f64 = (1..degree).map(|k| f64::from(2 * k - 1)).product();
                Some(n.powi(degree.cast_signed() - 1) / (2.0 * odd * n.ln()))
            }
            Self::RectifiedPolynomial { degree } => {
                Self::Polynomial { degree }.capacity(dim).map(|k| 2.0 * k)
            }
            Self::Exponential { beta } => (beta == 1.0).then(|| (0.5 * n).exp2()),
        }
    }

    /// What it is, with parameters in range.
    pub(super) fn form(&self) -> Result<Form, Error> {
        let (degree, rectified) = match *self {
            Self::Polynomial { degree } => (degree, false),
            Self::RectifiedPolynomial { degree } => (degree, true),
            Self::Exponential { beta } => {
                validate::positive("beta", beta)?;
                validate::positive("four times beta", 4.0 * beta)?;
                return Ok(Form::Exponential { beta });
            }
        };
        if DEGREES.contains(&degree) {
            return Ok(Form::Power(Power { degree, rectified }));
        }
        let (what, expected) = ("degree", "2 to 126");
        Err(ebm_core::Error::Parameter { what, expected, value: f64::from(degree) }.into())
    }
}

/// An [`Interaction`] that has been checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    Power(Power),
    Exponential { beta: f64 },
}

/// `F(m) = mⁿ/n`, for all `m` or above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Power {
    pub(super) degree: u32,
    pub(super) rectified: bool,
}

impl Power {
    /// `n F(m)`, an integer.
    pub(super) fn scaled(self, m: i128) -> i128 {
        (if self.rectified { m.max(0) } else { m }).pow(self.degree)
    }

    /// `F′(m)`, an integer.
    pub(super) fn integer_slope(self, m: i128) -> i128 {
        (if self.rectified { m.max(0) } else { m }).pow(self.degree - 1)
    }

    pub(super) fn value(self, m: f64) -> f64 {
        self.real(m).powi(self.degree.cast_signed()) / f64::from(self.degree)
    }

    pub(super) fn slope(self, m: f64) -> f64 {
        self.real(m).powi(self.degree.cast_signed() - 1)
    }

    /// `F″`; of the rectified square at zero, that from above.
    pub(super) fn curvature(self, m: f64) -> f64 {
        if self.rectified && m < 0.0 {
            return 0.0;
        }
        f64::from(self.degree - 1) * m.powi(self.degree.cast_signed() - 2)
    }

    fn real(self, m: f64) -> f64 {
        // Unlike the maximum this keeps NaN.
        if self.rectified && m < 0.0 { 0.0 } else { m }
    }
}
