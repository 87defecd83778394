//! Scales and tick marks of an axis, linear or logarithmic.

/// Maps data to a pixel coordinate.
pub(super) struct Scale {
    log: bool,
    /// Ends in scaled units: the value itself or its decimal logarithm.
    low: f64,
    high: f64,
    /// Pixel positions of the ends.
    start: f64,
    end: f64,
}

/// Values beyond this are drawn at it: spans stay finite.
const LARGEST: f64 = 1e300;
/// Spans below this count as none: tick steps stay normal numbers.
const SMALLEST: f64 = 1e-290;

impl Scale {
    /// The scale whose ends are those of the values, widened by `margin` of the span, or `None`
    /// where no value can be drawn. Equal values get room on both sides.
    pub(super) fn fit(values: impl Iterator<Item = f64>, log: bool, margin: f64) -> Option<Self> {
        let scaled = values.filter_map(|v| scaled(v, log));
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for v in scaled {
            low = low.min(v);
            high = high.max(v);
        }
        if low > high {
            return None;
        }
        let size = low.abs().max(high.abs());
        if high - low <= (1e-9 * size).max(SMALLEST) {
            let room = if log || size <= SMALLEST { 0.5 } else { 0.1 * size };
            (low, high) = (low - room, high + room);
        } else {
            let room = margin * (high - low);
            (low, high) = (low - room, high + room);
        }
        Some(Self { log, low, high, start: 0.0, end: 1.0 })
    }

    /// The same scale between two pixel positions.
    pub(super) fn between(self, start: f64, end: f64) -> Self {
        Self { start, end, ..self }
    }

    /// The same scale beginning at zero, if it is linear and no value is negative.
    pub(super) fn starting_at_zero(self, values: impl Iterator<Item = f64>) -> Self {
        let low = if !self.log && values.into_iter().all(|v| v >= 0.0) { 0.0 } else { self.low };
        Self { low, ..self }
    }

    /// Where a value is drawn; `None` where it is not finite or, on a logarithmic axis, not positive.
    pub(super) fn position(&self, value: f64) -> Option<f64> {
        Some(self.place(scaled(value, self.log)?))
    }

    /// Where bars begin: zero, or the lower end of a logarithmic axis.
    pub(super) fn base(&self) -> f64 {
        self.place(if self.log { self.low } else { 0.0_f64.clamp(self.low, self.high) })
    }

    fn place(&self, scaled: f64) -> f64 {
        self.start + (scaled - self.low) / (self.high - self.low) * (self.end - self.start)
    }

    /// Positions and labels of about `count` ticks.
    pub(super) fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        let ticks = if self.log { self.log_ticks(count) } else { self.linear_ticks(count) };
        ticks.into_iter().map(|(v, label)| (self.place(v), label)).collect()
    }

    fn linear_ticks(&self, count: usize) -> Vec<(f64, String)> {
        let step = round_step((self.high - self.low) / count.max(1) as f64);
        let values = multiples(self.low, self.high, step);
        let labels = linear_labels(&values, step);
        values.into_iter().zip(labels).collect()
    }

    /// Whole decades where there are some; within a decade, round values.
    fn log_ticks(&self, count: usize) -> Vec<(f64, String)> {
        let span = self.high - self.low;
        if span >= 2.6 {
            let step = (span / count.max(1) as f64).ceil().max(1.0);
            let values = multiples(self.low, self.high, step);
            let plain = values.iter().all(|v| (-3.5..4.5).contains(v));
            let label = |v: &f64| decade_label(v.round() as i32, plain);
            let labels: Vec<String> = values.iter().map(label).collect();
            return values.into_iter().zip(labels).collect();
        }
        let decades = multiples(self.low.floor(), self.high.ceil(), 1.0);
        let factors: &[f64] = match span {
            1.4.. => &[1.0, 3.0],
            0.7.. => &[1.0, 2.0, 5.0],
            _ => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
        };
        let mut values: Vec<f64> = decades
            .iter()
            .flat_map(|d| factors.iter().map(move |f| f.log10() + d))
            .filter(|v| (self.low..=self.high).contains(v))
            .collect();
        if values.len() < 2 {
            let (low, high) = (10.0_f64.powf(self.low), 10.0_f64.powf(self.high));
            let step = round_step((high - low) / count.max(1) as f64);
            let linear = multiples(low, high, step);
            let labels = linear_labels(&linear, step);
            return linear.iter().map(|v| v.log10()).zip(labels).collect();
        }
        values.dedup();
        let labels: Vec<String> = values.iter().map(|v| number(10.0_f64.powf(*v), 2)).collect();
        values.into_iter().zip(labels).collect()
    }
}

fn scaled(value: f64, log: bool) -> Option<f64> {
    match log {
        _ if !value.is_finite() => None,
        true => (value > 0.0).then(|| value.log10()),
        false => Some(value.clamp(-LARGEST, LARGEST)),
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10.0_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// Multiples of `step` in the interval; none where the step is too small to tell them apart.
fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    // Ends that are multiples up to rounding count.
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    if !(last - first).is_finite() || last - first > 100.0 {
        return vec![];
    }
    // Adding 0 turns −0 into 0.
    (0..=(last - first).max(-1.0) as i64).map(|k| (first + k as f64) * step + 0.0).collect()
}

/// Labels with as many decimals as the step needs; powers of ten for very large and small values.
fn linear_labels(values: &[f64], step: f64) -> Vec<String> {
    let largest = values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
    if largest < 1e5 && (largest >= 1e-3 || largest == 0.0) {
        let decimals = (-(step * (1.0 + 1e-9)).log10().floor()).clamp(0.0, 12.0) as usize;
        return values.iter().map(|v| signed(format!("{v:.decimals$}"))).collect();
    }
    let digits = (largest / step).log10().ceil().clamp(0.0, 12.0) as usize;
    values.iter().map(|v| number(*v, digits + 1)).collect()
}

/// A number with the given significant digits, without trailing zeros.
fn number(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-3..5).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        return signed(trimmed(&format!("{value:.decimals$}")).to_string());
    }
    signed(match trimmed(mantissa) {
        "1" => power_of_ten(exponent),
        "-1" => format!("-{}", power_of_ten(exponent)),
        mantissa => format!("{mantissa}·{}", power_of_ten(exponent)),
    })
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// With a minus sign instead of a hyphen.
fn signed(number: String) -> String {
    number.replace('-', "−")
}

/// A power of ten, written out where `plain`.
fn decade_label(exponent: i32, plain: bool) -> String {
    match exponent {
        0 => "1".into(),
        1 => "10".into(),
        _ if plain => format!("{:.*}", (-exponent).max(0) as usize, 10.0_f64.powi(exponent)),
        _ => power_of_ten(exponent),
    }
}

fn power_of_ten(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digits = exponent.to_string();
    let raised = digits.chars().map(|c| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize]));
    std::iter::once("10".to_string()).chain(raised.map(String::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64], log: bool) -> Vec<String> {
        let scale = Scale::fit(values.iter().copied(), log, 0.0).unwrap();
        scale.ticks(5).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(labels(&[0.0, 1.0], false), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&[-3.0, 7.0], false), ["−2", "0", "2", "4", "6"]);
        assert_eq!(labels(&[0.0, 2e6], false), ["0", "5·10⁵", "10⁶", "1.5·10⁶", "2·10⁶"]);
        assert_eq!(labels(&[0.0, 3e-6], false), ["0", "10⁻⁶", "2·10⁻⁶", "3·10⁻⁶"]);
        assert_eq!(labels(&[-1e6, 1e6], false)[0], "−10⁶");
        assert_eq!(
            labels(&[99.98, 100.02], false),
            ["99.98", "99.99", "100.00", "100.01", "100.02"]
        );
    }

    #[test]
    fn logarithmic_ticks_are_decades_or_round_values() {
        assert_eq!(labels(&[1e-2, 1e3], true), ["0.01", "0.1", "1", "10", "100", "1000"]);
        assert_eq!(
            labels(&[1e-12, 1e-2], true),
            ["10⁻¹²", "10⁻¹⁰", "10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²"]
        );
        assert_eq!(labels(&[1.0, 20.0], true), ["1", "2", "5", "10", "20"]);
        assert_eq!(labels(&[100.0, 110.0], true), ["100", "102", "104", "106", "108", "110"]);
    }

    #[test]
    fn degenerate_values_still_make_an_axis() {
        for log in [false, true] {
            assert!(Scale::fit([].into_iter(), log, 0.1).is_none());
            assert!(Scale::fit([f64::NAN, f64::INFINITY].into_iter(), log, 0.1).is_none());
            for value in [1.0, 1e-300, 1e300, f64::MAX, 5e-324, 1.0 + f64::EPSILON] {
                let scale = Scale::fit([value, value].into_iter(), log, 0.1).unwrap();
                let at = scale.position(value).unwrap();
                assert!((0.0..=1.0).contains(&at), "{value} {log}: {at}");
                assert!(scale.ticks(5).iter().all(|(p, _)| p.is_finite()));
            }
        }
        assert!(Scale::fit([0.0, -1.0].into_iter(), true, 0.1).is_none());
        let wide = Scale::fit([-f64::MAX, f64::MAX].into_iter(), false, 0.1).unwrap();
        assert!(wide.position(f64::MAX).unwrap() <= 1.0 && wide.ticks(5).len() > 2);
        let close = Scale::fit([1.0, 1.0 + 1e-8].into_iter(), false, 0.1).unwrap();
        assert!(close.ticks(5).len() < 20);
    }

    #[test]
    fn positions_run_from_start_to_end() {
        let scale = Scale::fit([1.0, 100.0].into_iter(), true, 0.0).unwrap().between(300.0, 20.0);
        assert_eq!(scale.position(1.0), Some(300.0));
        assert_eq!(scale.position(10.0), Some(160.0));
        assert_eq!(scale.position(100.0), Some(20.0));
        assert_eq!(scale.position(0.0), None);
        assert_eq!(scale.base(), 300.0);
    }
}
