//! Sorted runs, spill, merge, duplicate marking
