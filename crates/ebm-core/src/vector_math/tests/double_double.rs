//! Reference values in double-double arithmetic, about 30 digits.
//!
//! Source: T. J. Dekker, *A floating-point technique for extending the
//! available precision*, Numer. Math. 18 (1971).

use std::sync::LazyLock;

/// `0 + 1`, with the second part below half an ulp of the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct DD(pub(super) f64, pub(super) f64);

fn two_sum(a: f64, b: f64) -> DD {
    let s = a + b;
    let bb = s - a;
    DD(s, (a - (s - bb)) + (b - bb))
}

fn split(a: f64) -> (f64, f64) {
    let c = 134_217_729.0 * a;
    let high = c - (c - a);
    (high, a - high)
}

fn two_product(a: f64, b: f64) -> DD {
    let p = a * b;
    let ((ah, al), (bh, bl)) = (split(a), split(b));
    DD(p, ((ah * bh - p) + ah * bl + al * bh) + al * bl)
}

fn normal(a: f64, b: f64) -> DD {
    let s = a + b;
    DD(s, b - (s - a))
}

impl From<f64> for DD {
    fn from(a: f64) -> Self {
        Self(a, 0.0)
    }
}

impl DD {
    pub(super) fn add(self, b: Self) -> Self {
        let s = two_sum(self.0, b.0);
        let t = two_sum(self.1, b.1);
        let s = normal(s.0, s.1 + t.0);
        normal(s.0, s.1 + t.1)
    }
    pub(super) fn neg(self) -> Self {
        Self(-self.0, -self.1)
    }
    pub(super) fn sub(self, b: Self) -> Self {
        self.add(b.neg())
    }
    pub(super) fn mul(self, b: Self) -> Self {
        let p = two_product(self.0, b.0);
        normal(p.0, p.1 + (self.0 * b.1 + self.1 * b.0))
    }
    pub(super) fn div(self, b: Self) -> Self {
        let q = self.0 / b.0;
        let r = self.sub(b.mul(q.into()));
        let q2 = r.0 / b.0;
        let r = r.sub(b.mul(q2.into()));
        normal(q, q2).add((r.0 / b.0).into())
    }
    /// Exact for powers of two within range.
    pub(super) fn scale(self, s: f64) -> Self {
        Self(self.0 * s, self.1 * s)
    }
}

const LN_2: [f64; 3] = [std::f64::consts::LN_2, 2.3190468138462996e-17, 5.707708438416212e-34];
const HALF_PI: [f64; 4] = [
    std::f64::consts::FRAC_PI_2,
    6.123233995736766e-17,
    -1.4973849048591698e-33,
    5.562271104316826e-50,
];

/// `1/n`.
static RECIPROCALS: LazyLock<Vec<DD>> =
    LazyLock::new(|| (0..=506).map(|n| DD::from(1.0).div(f64::from(n).into())).collect());

/// `x − k·(c₀ + c₁ + …)`.
fn reduce(x: f64, k: f64, parts: &[f64]) -> DD {
    parts.iter().fold(DD::from(x), |r, part| {
        let p = two_product(k, *part);
        r.sub(p.0.into()).sub(p.1.into())
    })
}

/// `k` and `eʳ − 1` of `x = k ln 2 + r`.
pub(super) fn exp_m1_reduced(x: f64) -> (i32, DD) {
    let k = (x / std::f64::consts::LN_2).round();
    let r = reduce(x, k, &LN_2);
    // eʳ − 1 = r (1 + r/2 (1 + r/3 (1 + …)))
    let mut sum = DD::from(1.0);
    for n in (2..=18).rev() {
        sum = DD::from(1.0).add(r.mul(sum).mul(RECIPROCALS[n]));
    }
    (k as i32, r.mul(sum))
}

/// `eˣ − 1` for `x` below 700 in magnitude.
pub(super) fn exp_m1(x: f64) -> DD {
    let (k, p) = exp_m1_reduced(x);
    let two = 2f64.powi(k);
    DD::from(two).sub(1.0.into()).add(p.scale(two))
}

/// `eˣ` for `x` below 700 in magnitude.
pub(super) fn exp(x: f64) -> DD {
    let (k, p) = exp_m1_reduced(x);
    DD::from(1.0).add(p).scale(2f64.powi(k))
}

pub(super) fn tanh(x: f64) -> DD {
    let e = exp_m1(2.0 * x.min(300.0));
    e.div(e.add(2.0.into()))
}

pub(super) fn logistic(x: f64) -> DD {
    let t = exp(-x.abs());
    let top = if x < 0.0 { t } else { 1.0.into() };
    top.div(t.add(1.0.into()))
}

pub(super) fn softplus(x: f64) -> DD {
    let t = exp(-x.abs());
    // One Newton step on e^y = 1 + t from the rounded logarithm.
    let y = t.0.ln_1p();
    let u = t.sub(exp_m1(y)).div(exp(y));
    let log = DD::from(y).add(u.sub(u.mul(u).scale(0.5)));
    if x > 0.0 { log.add(x.into()) } else { log }
}

/// `(sin x, cos x)` for `|x|` up to 2²⁰.
pub(super) fn sin_cos(x: f64) -> (DD, DD) {
    let k = (x / std::f64::consts::FRAC_PI_2).round();
    let r = reduce(x, k, &HALF_PI);
    let z = r.mul(r).neg();
    // Both as alternating series in nested form.
    let mut sine = DD::from(1.0);
    let mut cosine = DD::from(1.0);
    for n in (2..=22).rev().step_by(2) {
        sine = DD::from(1.0).add(z.mul(sine).mul(RECIPROCALS[n * (n + 1)]));
        cosine = DD::from(1.0).add(z.mul(cosine).mul(RECIPROCALS[n * (n - 1)]));
    }
    let sine = r.mul(sine);
    match (k as i64).rem_euclid(4) {
        0 => (sine, cosine),
        1 => (cosine, sine.neg()),
        2 => (sine.neg(), cosine.neg()),
        _ => (cosine.neg(), sine),
    }
}
