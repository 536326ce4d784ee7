//! The whole house on trial, from the first floor down to the file: by sentences, by threads, and beside a model that is
//! too simple to be wrong.

mod holds;
mod house;
mod life;
mod model;
mod ops;
mod precedence;
mod races;
mod sequences;
mod times;
mod told;
