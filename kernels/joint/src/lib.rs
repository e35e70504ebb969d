//! Joint genotyping of a cohort from gVCFs
