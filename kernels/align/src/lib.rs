//! Seed, chain, extend, pair, mapping quality
