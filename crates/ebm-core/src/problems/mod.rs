//! Test problems with known answers, shared by tests, benchmarks and docs.

mod double_well;
mod muller_brown;
mod quadratic;
mod rosenbrock;

pub use double_well::DoubleWell;
pub use muller_brown::MullerBrown;
pub use quadratic::Quadratic;
pub use rosenbrock::Rosenbrock;
