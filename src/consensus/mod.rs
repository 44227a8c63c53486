//! The rules: pure functions from block and coins to a verdict.
