//! The kumi command
