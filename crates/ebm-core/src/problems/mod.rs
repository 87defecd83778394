//! Test problems with known answers, shared by tests, benchmarks and docs.

mod double_well;
mod geometric_brownian_motion;
mod muller_brown;
mod ornstein_uhlenbeck;
mod quadratic;
mod random_hopfield;
mod rosenbrock;

pub use double_well::DoubleWell;
pub use geometric_brownian_motion::GeometricBrownianMotion;
pub use muller_brown::MullerBrown;
pub use ornstein_uhlenbeck::OrnsteinUhlenbeck;
pub use quadratic::Quadratic;
pub use random_hopfield::RandomHopfield;
pub use rosenbrock::Rosenbrock;
