//! Tests that cross concepts, one file each.

mod sampling;
mod solvers;
