//! The index that stays mapped between tasks.

use std::path::Path;
use std::sync::Arc;

use super::house::House;
use crate::indexed::Kept;

#[test]
fn a_file_is_mapped_once_and_another_in_its_place_is_another() {
    let (house, reference) = House::with_index(1);
    let path = Path::new(&reference.path);
    let copy = house.root.path().join("copy.kidx");
    std::fs::copy(path, &copy).expect("copied");
    let kept = Kept::default();
    let open = |path: &Path| kept.open(path).expect("an index").0;
    let first = open(path);
    assert!(Arc::ptr_eq(&first, &open(path)));
    let other = Kept::default().open(path).expect("an index").0;
    assert!(!Arc::ptr_eq(&first, &other), "of another worker");
    assert!(!Arc::ptr_eq(&first, &open(&copy)));
    std::fs::rename(&copy, path).expect("replaced");
    assert!(!Arc::ptr_eq(&first, &open(path)));
    std::fs::remove_file(path).expect("removed");
    assert!(kept.open(path).is_err());
}
