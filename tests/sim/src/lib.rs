//! A whole cluster in one process and one thread: the real schedulers, replication and worker agents over a simulated
//! network, on simulated disks, in virtual time.
//!
//! One number, the seed, decides everything: which messages are slow, what breaks and when, how long tasks take. The
//! same seed is the same run, byte for byte. While a cohort is worked off, [`faults`] happen as planned; what the
//! replicas, the workers and the clients saw goes into a [`history`], and [`check`] says what in it must not be.

pub mod administrator;
pub mod check;
pub mod client;
pub mod cohort;
pub mod disk;
pub mod faults;
pub mod history;
pub mod hosts;
pub mod linearizable;
pub mod network;
pub mod plant;
pub mod random;
pub mod run;
pub mod witness;

pub use plant::Plant;
pub use run::{Report, run, run_plan, size};
