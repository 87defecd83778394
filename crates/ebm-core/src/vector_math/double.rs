//! The elementary functions of `f64`.
//!
//! ```text
//! exp       x = k ln 2 + r, |r| ≤ ½ ln 2:   2ᵏ (1 + r + r² q(r))
//! tanh      |x| < 0.55:  x + x³ P(x²)/Q(x²);   else  1 − 2/(e²ˣ + 1)
//! ln(1 + t) s = t/(1 + t/2):   s + s³ p(s²)            (= 2 artanh(s/2))
//! sin, cos  x = k π/2 + r, |r| ≤ π/4:   r + r³ S(r²),   1 − r²/2 + r⁴ C(r²)
//! ```
//!
//! The polynomials interpolate at Chebyshev nodes, computed with 60 digits and
//! rounded; their relative errors lie below 0.2 units in the last place.
//! Arguments are reduced as by W. J. Cody and W. Waite, *Software Manual for
//! the Elementary Functions* (1980): the leading parts of `ln 2` and `π/2` are
//! short enough for their products with `k` to be exact.

use super::scalar::Scalar;

/// `1.5·2⁵²`: adding it rounds to an integer, which the low bits then hold.
const ROUND: f64 = 6_755_399_441_055_744.0;
const SIGN: u64 = 1 << 63;

const LN_2_HEAD: f64 = 0.693_147_180_369_123_8;
const LN_2_TAIL: f64 = 1.908_214_929_270_587_7e-10;

const EXP: [f64; 10] = [
    0.500_000_000_000_000_1,
    0.166_666_666_666_666_69,
    0.041_666_666_666_624_13,
    0.008_333_333_333_330_062,
    0.001_388_888_891_721_371_7,
    0.000_198_412_698_630_536_18,
    2.480_152_129_595_437_6e-5,
    2.755_726_845_999_706_4e-6,
    2.762_008_844_540_974_6e-7,
    2.510_038_549_551_032e-8,
];

const TANH_TOP: [f64; 3] =
    [-0.333_333_333_333_333_3, -0.020_501_964_963_793_903, -0.000_199_318_324_551_384_5];
const TANH_BOTTOM: [f64; 4] =
    [1.0, 0.461_505_894_891_380_7, 0.023_295_551_025_482_31, 0.000_206_683_988_081_524_7];

const LN_1P: [f64; 10] = [
    0.083_333_333_333_333_33,
    0.012_500_000_000_004_558,
    0.002_232_142_856_805_371_8,
    0.000_434_027_787_449_762_97,
    8.877_826_873_111_747e-5,
    1.878_121_345_820_144_5e-5,
    4.063_154_360_856_609e-6,
    9.156_091_926_262_446e-7,
    1.678_607_651_928_839_5e-7,
    7.707_617_574_664_846e-8,
];

const SIN: [f64; 6] = [
    -0.166_666_666_666_666_66,
    0.008_333_333_333_330_946,
    -0.000_198_412_698_367_549_7,
    2.755_731_610_068_303e-6,
    -2.505_113_145_542_794_6e-8,
    1.591_810_123_027_412e-10,
];
const COS: [f64; 6] = [
    0.041_666_666_666_666_664,
    -0.001_388_888_888_888_739_5,
    2.480_158_729_876_343_3e-5,
    -2.755_731_727_056_032_6e-7,
    2.087_614_602_468_974_9e-9,
    -1.138_261_486_855_632_5e-11,
];

/// `π/2` in four parts. The first three are multiples of `2⁻³²`, `2⁻⁶⁵` and
/// `2⁻⁹⁸` and have at most 33 bits.
const HALF_PI: [f64; 4] = [
    1.570_796_326_734_125_6,
    6.077_100_506_303_966e-11,
    2.022_266_248_711_166_5e-21,
    8.478_427_660_368_9e-32,
];

/// `c₀ + c₁x + …` by Estrin's scheme: pairs, then pairs of pairs. Its latency
/// grows with the logarithm of the degree, where Horner's rule is serial. One
/// line a length, because compilers do not reliably unroll a loop over levels,
/// and a loop in here keeps the caller's from being vectorized.
#[inline(always)]
pub(super) fn polynomial<const N: usize>(x: f64, c: &[f64; N]) -> f64 {
    let x2 = x * x;
    let x4 = x2 * x2;
    let pair = |i: usize| c[i] + x * c[i + 1];
    let four = |i: usize| pair(i) + x2 * pair(i + 2);
    match N {
        3 => pair(0) + x2 * c[2],
        4 => four(0),
        6 => four(0) + x4 * pair(4),
        10 => (four(0) + x4 * four(4)) + (x4 * x4) * pair(8),
        _ => c.iter().rev().fold(0.0, |sum, c| sum * x + c),
    }
}

/// `2ᵏ` for an integer `k` from −1022 to 1023.
#[inline(always)]
fn power_of_two(k: f64) -> f64 {
    f64::from_bits((k + (ROUND + 1023.0)).to_bits() << 52)
}

/// `k` and `eʳ` of `x = k ln 2 + r`.
#[inline(always)]
fn exp_reduced(x: f64) -> (f64, f64) {
    let k = (x * std::f64::consts::LOG2_E + ROUND) - ROUND;
    let (head, shift) = (x - k * LN_2_HEAD, k * LN_2_TAIL);
    let r = head - shift;
    // What the subtraction rounded away.
    let tail = (head - r) - shift;
    (k, 1.0 + (r + (r * r * polynomial(r, &EXP) + tail)))
}

impl Scalar for f64 {
    const REDUCIBLE: f64 = 524_288.0;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    const NAN: f64 = f64::NAN;

    #[inline(always)]
    fn exp(self) -> f64 {
        // Beyond these the result is infinity or zero; NaN passes both.
        let x = if self > 710.0 { 710.0 } else { self };
        let x = if x < -746.0 { -746.0 } else { x };
        let (k, power) = exp_reduced(x);
        // 2ᵏ may overflow or underflow where the result does not.
        let half = (0.5 * k + ROUND) - ROUND;
        power * power_of_two(half) * power_of_two(k - half)
    }

    #[inline(always)]
    fn tanh(self) -> f64 {
        let x = f64::abs(self);
        // tanh 20 rounds to one.
        let x = if x > 20.0 { 20.0 } else { x };
        let (k, power) = exp_reduced(2.0 * x);
        let square = x * x;
        let small = x < 0.55;
        let base = if small { x } else { 1.0 };
        let top = if small { x * square * polynomial(square, &TANH_TOP) } else { -2.0 };
        let bottom =
            if small { polynomial(square, &TANH_BOTTOM) } else { power * power_of_two(k) + 1.0 };
        let magnitude = base + top / bottom;
        f64::from_bits(magnitude.to_bits() | (self.to_bits() & SIGN))
    }

    #[inline(always)]
    fn logistic(self) -> f64 {
        let t = Scalar::exp(-f64::abs(self));
        let top = if self < 0.0 { t } else { 1.0 };
        top / (1.0 + t)
    }

    #[inline(always)]
    fn softplus(self) -> f64 {
        let t = Scalar::exp(-f64::abs(self));
        let s = t / (1.0 + 0.5 * t);
        let square = s * s;
        let positive = if self > 0.0 { self } else { 0.0 };
        positive + (s + s * square * polynomial(square, &LN_1P))
    }

    #[inline(always)]
    fn sin_cos(self) -> (f64, f64) {
        let x = f64::abs(self);
        let shifted = x * std::f64::consts::FRAC_2_PI + ROUND;
        let quadrant = shifted.to_bits();
        let k = shifted - ROUND;
        // The products with the first three parts are exact for k ≤ 2¹⁹, and so
        // are the differences or, by `e1` and `e2`, what they round away.
        let d0 = x - k * HALF_PI[0];
        let w1 = k * HALF_PI[1];
        let d1 = d0 - w1;
        let e1 = w1 - (d0 - d1);
        let w2 = k * HALF_PI[2];
        let d2 = d1 - w2;
        let e2 = w2 - (d1 - d2);
        let rest = k * HALF_PI[3] + (e1 + e2);
        let r = d2 - rest;
        let tail = (d2 - r) - rest;

        let z = r * r;
        let half = 0.5 * z;
        let sine = r + (z * r * polynomial(z, &SIN) + tail * (1.0 - half));
        let one = 1.0 - half;
        let cosine = one + (((1.0 - one) - half) + (z * z * polynomial(z, &COS) - r * tail));

        let odd = quadrant & 1 == 1;
        let (s, c) = if odd { (cosine, sine) } else { (sine, cosine) };
        let s_sign = ((quadrant & 2) << 62) ^ (self.to_bits() & SIGN);
        let c_sign = (quadrant.wrapping_add(1) & 2) << 62;
        (f64::from_bits(s.to_bits() ^ s_sign), f64::from_bits(c.to_bits() ^ c_sign))
    }

    #[inline(always)]
    fn sin_cos_far(self) -> (f64, f64) {
        f64::sin_cos(self)
    }

    #[inline(always)]
    fn ln(self) -> f64 {
        f64::ln(self)
    }
}
