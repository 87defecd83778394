//! Schedules: parameters as piecewise linear functions of the elapsed fraction
//! of a run, given as data.

use ebm_core::Error;

/// A piecewise linear function on `[0, 1]`, constant outside its knots.
///
/// ```
/// use ebm_optim::schedule::Schedule;
/// let ramp = Schedule::ramp(0.0, 2.0)?;
/// assert_eq!(ramp.at(0.25), 0.5);
/// let pulse = Schedule::new(vec![(0.0, 0.0), (0.5, 1.0), (1.0, 0.0)])?;
/// assert_eq!(pulse.at(0.75), 0.5);
/// # Ok::<(), ebm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    knots: Vec<(f64, f64)>,
}

impl Schedule {
    /// A schedule through `(fraction, value)` knots with rising fractions.
    ///
    /// # Errors
    /// No knots, fractions that do not rise strictly, values that are not
    /// finite.
    pub fn new(knots: Vec<(f64, f64)>) -> Result<Self, Error> {
        if knots.is_empty() {
            return Err(Error::Empty { what: "schedule" });
        }
        for (index, &(fraction, value)) in knots.iter().enumerate() {
            if !value.is_finite() {
                return Err(Error::NotFinite { what: "schedule values", index, value });
            }
            if !fraction.is_finite() {
                let what = "schedule fractions";
                return Err(Error::NotFinite { what, index, value: fraction });
            }
            if index > 0 && fraction <= knots[index - 1].0 {
                return Err(Error::Parameter {
                    what: "schedule fraction",
                    expected: "more than the one before it",
                    value: fraction,
                });
            }
        }
        Ok(Self { knots })
    }

    /// The same value throughout.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn constant(value: f64) -> Result<Self, Error> {
        Self::new(vec![(0.0, value)])
    }

    /// From `start` to `end`, linearly.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn ramp(start: f64, end: f64) -> Result<Self, Error> {
        Self::new(vec![(0.0, start), (1.0, end)])
    }

    /// `count` equal periods, each `low` at first and `high` for its last part,
    /// `duty` of it; the edges take a hundredth of a period.
    ///
    /// ```
    /// let pulses = ebm_optim::schedule::Schedule::pulses(4, 0.5, 0.0, 3.0)?;
    /// assert_eq!([0.1, 0.2, 0.3, 0.45].map(|f| pulses.at(f)), [0.0, 3.0, 0.0, 3.0]);
    /// # Ok::<(), ebm_optim::ebm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// No periods or more than 10⁵, a duty that is not between 0.02 and 0.98, a
    /// value that is not finite.
    pub fn pulses(count: usize, duty: f64, low: f64, high: f64) -> Result<Self, Error> {
        const EDGE: f64 = 0.01;
        if !(1..=100_000).contains(&count) {
            let (what, expected) = ("pulses of a schedule", "from 1 to 100000");
            return Err(Error::Parameter { what, expected, value: count as f64 });
        }
        if !(2.0 * EDGE..=1.0 - 2.0 * EDGE).contains(&duty) {
            let (what, expected) = ("duty of a pulse", "between 0.02 and 0.98");
            return Err(Error::Parameter { what, expected, value: duty });
        }
        let mut knots = vec![(0.0, low)];
        for k in 0..count {
            let at = |part: f64| (k as f64 + part) / count as f64;
            if k > 0 {
                knots.push((at(EDGE), low));
            }
            knots.push((at(1.0 - duty), low));
            knots.push((at(1.0 - duty + EDGE), high));
            knots.push((at(1.0), high));
        }
        Self::new(knots)
    }

    /// The value at `fraction`.
    #[must_use]
    pub fn at(&self, fraction: f64) -> f64 {
        let after = self.knots.partition_point(|&(f, _)| f <= fraction);
        match (after.checked_sub(1).map(|i| self.knots[i]), self.knots.get(after)) {
            (None, Some(&(_, value))) | (Some((_, value)), None) => value,
            (Some((f0, v0)), Some(&(f1, v1))) => v0 + (v1 - v0) * (fraction - f0) / (f1 - f0),
            (None, None) => f64::NAN,
        }
    }

    /// The slope at `fraction`, from the right at a knot.
    ///
    /// ```
    /// use ebm_optim::schedule::Schedule;
    /// let pulse = Schedule::new(vec![(0.0, 0.0), (0.5, 1.0), (1.0, 0.0)])?;
    /// assert_eq!((pulse.slope_at(0.2), pulse.slope_at(0.5), pulse.slope_at(1.0)), (2.0, -2.0, 0.0));
    /// # Ok::<(), ebm_core::Error>(())
    /// ```
    #[must_use]
    pub fn slope_at(&self, fraction: f64) -> f64 {
        let after = self.knots.partition_point(|&(f, _)| f <= fraction);
        match (after.checked_sub(1).map(|i| self.knots[i]), self.knots.get(after)) {
            (Some((f0, v0)), Some(&(f1, v1))) => (v1 - v0) / (f1 - f0),
            _ => 0.0,
        }
    }

    /// No value may be negative.
    pub(crate) fn non_negative(&self, what: &'static str) -> Result<(), Error> {
        match self.knots.iter().find(|knot| knot.1 < 0.0) {
            None => Ok(()),
            Some(&(_, value)) => Err(Error::Parameter { what, expected: "a schedule >= 0", value }),
        }
    }

    /// The knots.
    #[must_use]
    pub fn knots(&self) -> &[(f64, f64)] {
        &self.knots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolates_and_extends() {
        let schedule = Schedule::new(vec![(0.2, 1.0), (0.4, 3.0), (1.0, 0.0)]).unwrap();
        for (fraction, value) in
            [(0.0, 1.0), (0.2, 1.0), (0.3, 2.0), (0.4, 3.0), (0.7, 1.5), (2.0, 0.0)]
        {
            assert!((schedule.at(fraction) - value).abs() < 1e-12, "{fraction}");
        }
        assert_eq!(Schedule::constant(4.0).unwrap().at(0.9), 4.0);
    }

    #[test]
    fn rejects_bad_knots() {
        for knots in [
            vec![],
            vec![(0.0, f64::NAN)],
            vec![(f64::INFINITY, 0.0)],
            vec![(0.5, 0.0), (0.5, 1.0)],
            vec![(0.5, 0.0), (0.1, 1.0)],
        ] {
            assert!(Schedule::new(knots.clone()).is_err(), "{knots:?}");
        }
        for (count, duty, high) in
            [(0, 0.5, 1.0), (200_000, 0.5, 1.0), (3, 0.0, 1.0), (3, 1.0, 1.0), (3, 0.5, f64::NAN)]
        {
            assert!(Schedule::pulses(count, duty, 0.0, high).is_err());
        }
        assert!(Schedule::pulses(100_000, 0.98, 0.0, 1.0).is_ok());
    }
}
