//! FASTQ, FASTA, BAM, CRAM and VCF at the borders of the kernels
