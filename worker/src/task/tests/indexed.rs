//! The index that stays mapped between tasks.

use std::path::Path;
use std::sync::Arc;

use super::house::House;
use crate::indexed::Indexed;

#[test]
fn a_file_is_mapped_once_and_another_in_its_place_is_another() {
    let (house, reference) = House::with_index(1);
    let path = Path::new(&reference.path);
    let copy = house.root.path().join("copy.kidx");
    std::fs::copy(path, &copy).expect("copied");
    let open = |path: &Path| Indexed::open(path).expect("an index").0;
    // Another test may open an index between the two.
    let twice = || Arc::ptr_eq(&open(path), &open(path));
    assert!((0..100).any(|_| twice()));
    let first = open(path);
    assert!(!Arc::ptr_eq(&first, &open(&copy)));
    std::fs::rename(&copy, path).expect("replaced");
    assert!(!Arc::ptr_eq(&first, &open(path)));
    std::fs::remove_file(path).expect("removed");
    assert!(Indexed::open(path).is_err());
}
