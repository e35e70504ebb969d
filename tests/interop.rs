//! What a run publishes, in the hands of the tools of others: they read all of it, find nothing wrong with it,
//! and count what we count.

mod alignments;
mod tables;
mod variants;
