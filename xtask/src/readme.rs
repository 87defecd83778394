//! Compiles and runs the snippets of the README as documentation tests.
#![doc = include_str!("../../README.md")]
