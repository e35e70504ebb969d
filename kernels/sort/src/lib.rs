//! Coordinate order and duplicate marking, in bounded memory.
//!
//! Records come template by template, as an aligner gives them, and leave in coordinate order with the
//! duplicate flag set. The result is a function of the set of templates: neither memory, threads nor the
//! way records are batched changes a byte. What does not fit in memory is spilled to anonymous files in a
//! scratch directory, which vanish with the process. Nothing is ever removed.

pub mod chunk;
mod decide;
mod external;
pub mod library;
pub mod mark;
pub mod metrics;
mod order;
pub mod region;
mod run;
mod signature;
pub mod sorter;
mod tile;
