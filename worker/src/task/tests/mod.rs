//! Every stage on the bundled trio, without a scheduler.

mod align;
mod call;
mod gvcf;
mod house;
mod indexed;
mod latency;
mod purge;
mod store;
mod way;
