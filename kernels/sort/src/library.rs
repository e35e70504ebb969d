//! Which library a read belongs to.

use std::collections::BTreeMap;

use kumi_formats::bam::{Value, View};
use kumi_formats::header::ReadGroup;

/// What Picard calls the library of reads that name none.
pub const UNKNOWN: &str = "Unknown Library";

/// The libraries of a set of read groups. Duplicates are sought within a library.
#[derive(Clone, Debug, Default)]
pub struct Libraries {
    names: Vec<String>,
    groups: BTreeMap<Vec<u8>, Place>,
    unknown: u16,
}

/// A read group among all, and its library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) library: u16,
    pub(crate) group: u16,
}

impl Libraries {
    /// Numbers the libraries in the order of the read groups. Read groups without a library share one.
    #[must_use]
    pub fn new(read_groups: &[ReadGroup]) -> Self {
        let mut all = Self::default();
        for (group, read_group) in (0u16..).zip(read_groups) {
            let name = if read_group.library.is_empty() {
                UNKNOWN
            } else {
                &read_group.library
            };
            let library = all.number(name);
            let id = read_group.id.clone().into_bytes();
            all.groups.insert(id, Place { library, group });
        }
        all.unknown = all.number(UNKNOWN);
        all
    }

    fn number(&mut self, name: &str) -> u16 {
        let at = self.names.iter().position(|other| other == name);
        let at = at.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        u16::try_from(at).expect("at most 65,535 libraries a sample")
    }

    /// The names, [`UNKNOWN`] among them.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a record belongs, by its `RG` tag.
    pub(crate) fn of(&self, record: View<'_>) -> Place {
        let id = record.tag(*b"RG").and_then(Value::as_string);
        let place = id.and_then(|id| self.groups.get(id)).copied();
        place.unwrap_or(Place {
            library: self.unknown,
            group: u16::MAX,
        })
    }
}

#[cfg(test)]
mod tests {
    use kumi_formats::bam::Fields;
    use kumi_formats::header::ReadGroup;

    use super::{Libraries, Place, UNKNOWN};

    #[test]
    fn read_groups_share_libraries() {
        let group = |id: &str, library: &str| ReadGroup {
            id: id.into(),
            library: library.into(),
            ..Default::default()
        };
        let all = Libraries::new(&[group("a", "L"), group("b", ""), group("c", "L")]);
        assert_eq!(all.names(), ["L", UNKNOWN]);
        let fields = Fields {
            name: b"r",
            ..Default::default()
        };
        let mut record = fields.to_record();
        let unknown = all.of(record.view());
        assert_eq!((unknown.library, unknown.group), (1, u16::MAX));
        record.push_string_tag(*b"RG", b"c");
        let expected = Place {
            library: 0,
            group: 2,
        };
        assert_eq!(all.of(record.view()), expected);
    }
}
