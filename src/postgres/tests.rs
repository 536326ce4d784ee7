mod folding;
mod pacing;
mod restoring;
mod targets;
