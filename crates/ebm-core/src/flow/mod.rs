//! Flows: the ways an energy becomes a vector field.

mod activation_flow;
mod gradient_flow;
mod langevin;
mod metric;
mod mirror_flow;
mod preconditioned;
mod projected;
mod proximal;
mod tangent_projected;

pub use activation_flow::ActivationFlow;
pub use gradient_flow::GradientFlow;
pub use langevin::Langevin;
pub use metric::{ConstantMetric, DenseMetric, DiagonalMetric, Metric};
pub use mirror_flow::MirrorFlow;
pub use preconditioned::Preconditioned;
pub use projected::Projected;
pub use proximal::Proximal;
pub use tangent_projected::TangentProjected;

fn negate(values: &mut [f64]) {
    for v in values {
        *v = -*v;
    }
}
