//! Active regions, assembly, pair-HMM, genotypes, gVCF blocks
