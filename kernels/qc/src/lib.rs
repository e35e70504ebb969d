//! Quality metrics in the shapes MultiQC reads
