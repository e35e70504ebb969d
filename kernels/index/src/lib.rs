//! The reference index: layout, builder, zero-copy view
