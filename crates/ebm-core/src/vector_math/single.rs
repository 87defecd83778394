//! The elementary functions of `f32`, as in `double` with shorter polynomials.
//! Sine and cosine are computed in `f64` and rounded.

use super::double::polynomial as polynomial_f64;
use super::scalar::Scalar;

/// `1.5·2²³`: adding it rounds to an integer, which the low bits then hold.
const ROUND: f32 = 12_582_912.0;
const ROUND_F64: f64 = 6_755_399_441_055_744.0;
const SIGN: u32 = 1 << 31;

const LN_2_HEAD: f32 = 0.693_359_4;
const LN_2_TAIL: f32 = -0.000_212_194_44;

const EXP: [f32; 5] = [0.5, 0.166_665_76, 0.041_666_556, 0.008_363_179, 0.001_392_618_4];

const TANH: [f32; 5] = [-0.333_333_3, 0.133_331_13, -0.053_909_43, 0.021_309_389, -0.006_610_228];

const LN_1P: [f32; 5] =
    [0.083_333_336, 0.012_499_908, 0.002_233_778, 0.000_423_956_55, 0.000_113_400_05];

/// `π/2`: 33 bits and the rest.
const HALF_PI: [f64; 2] = [1.570_796_326_734_125_6, 6.077_100_506_506_192e-11];
const SIN: [f64; 4] = [
    -0.166_666_666_638_530_44,
    0.008_333_331_873_837_089,
    -0.000_198_400_862_637_554_43,
    2.724_986_465_513_958_5e-6,
];
const COS: [f64; 3] =
    [0.041_666_664_658_300_42, -0.001_388_830_280_230_916_1, 2.454_789_161_981_386e-5];

#[inline(always)]
fn polynomial<const N: usize>(x: f32, c: &[f32; N]) -> f32 {
    let mut sum = 0.0;
    let mut i = N;
    while i > 0 {
        i -= 1;
        sum = sum * x + c[i];
    }
    sum
}

/// `2ᵏ` for an integer `k` from −126 to 127.
#[inline(always)]
fn power_of_two(k: f32) -> f32 {
    f32::from_bits((k + (ROUND + 127.0)).to_bits() << 23)
}

/// `k` and `eʳ` of `x = k ln 2 + r`.
#[inline(always)]
fn exp_reduced(x: f32) -> (f32, f32) {
    let k = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let (head, shift) = (x - k * LN_2_HEAD, k * LN_2_TAIL);
    let r = head - shift;
    // What the subtraction rounded away.
    let tail = (head - r) - shift;
    (k, 1.0 + (r + (r * r * polynomial(r, &EXP) + tail)))
}

impl Scalar for f32 {
    const REDUCIBLE: f32 = 524_288.0;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    const NAN: f32 = f32::NAN;

    #[inline(always)]
    fn exp(self) -> f32 {
        // Beyond these the result is infinity or zero; NaN passes both.
        let x = if self > 89.0 { 89.0 } else { self };
        let x = if x < -105.0 { -105.0 } else { x };
        let (k, power) = exp_reduced(x);
        let half = (0.5 * k + ROUND) - ROUND;
        power * power_of_two(half) * power_of_two(k - half)
    }

    #[inline(always)]
    fn tanh(self) -> f32 {
        let x = f32::abs(self);
        // tanh 10 rounds to one.
        let x = if x > 10.0 { 10.0 } else { x };
        let (k, power) = exp_reduced(2.0 * x);
        let square = x * x;
        let near = x + x * square * polynomial(square, &TANH);
        let far = 1.0 - 2.0 / (power * power_of_two(k) + 1.0);
        let magnitude = if x < 0.55 { near } else { far };
        f32::from_bits(magnitude.to_bits() | (self.to_bits() & SIGN))
    }

    #[inline(always)]
    fn logistic(self) -> f32 {
        let t = Scalar::exp(-f32::abs(self));
        let top = if self < 0.0 { t } else { 1.0 };
        top / (1.0 + t)
    }

    #[inline(always)]
    fn softplus(self) -> f32 {
        let t = Scalar::exp(-f32::abs(self));
        let s = t / (1.0 + 0.5 * t);
        let square = s * s;
        let positive = if self > 0.0 { self } else { 0.0 };
        positive + (s + s * square * polynomial(square, &LN_1P))
    }

    #[inline(always)]
    fn sin_cos(self) -> (f32, f32) {
        let x = f64::from(f32::abs(self));
        let shifted = x * std::f64::consts::FRAC_2_PI + ROUND_F64;
        let quadrant = shifted.to_bits();
        let k = shifted - ROUND_F64;
        let r = (x - k * HALF_PI[0]) - k * HALF_PI[1];
        let z = r * r;
        let sine = r + r * z * polynomial_f64(z, &SIN);
        let cosine = (1.0 - 0.5 * z) + z * z * polynomial_f64(z, &COS);
        let odd = quadrant & 1 == 1;
        let (s, c) = if odd { (cosine, sine) } else { (sine, cosine) };
        let s_sign = ((quadrant & 2) << 62) ^ (u64::from(self.to_bits() & SIGN) << 32);
        let c_sign = (quadrant.wrapping_add(1) & 2) << 62;
        (f64::from_bits(s.to_bits() ^ s_sign) as f32, f64::from_bits(c.to_bits() ^ c_sign) as f32)
    }

    #[inline(always)]
    fn sin_cos_far(self) -> (f32, f32) {
        f32::sin_cos(self)
    }

    #[inline(always)]
    fn ln(self) -> f32 {
        f32::ln(self)
    }
}
