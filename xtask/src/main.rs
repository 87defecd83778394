//! Tasks of the workspace, run as `cargo xtask TASK`.

#![allow(dead_code, reason = "tasks land one after the other")]

mod claim;
mod claims;

fn main() {
    claims::all();
}
