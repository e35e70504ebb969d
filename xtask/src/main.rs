//! What a person or CI runs besides cargo.
fn main() {}
