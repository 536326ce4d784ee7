//! Each failpoint with each action that it takes.

fn main() {}
