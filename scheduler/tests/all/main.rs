//! The state machine from outside: by scripts, by random commands, and at scale.

mod backfill;
mod centres;
mod deal;
mod exports;
mod lab;
mod labels;
mod locality;
mod pools;
mod preempt;
mod random;
mod requests;
mod samples;
mod scale;
mod scratch;
mod script;
mod shares;
mod speculate;
mod sums;
mod support;
