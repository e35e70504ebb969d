//! Where on the flow cell a read was seen, from an Illumina name.

/// A cluster's place: `lane` and `tile` as named, `x` and `y` in the instrument's units (tenths of a pixel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tile {
    pub(crate) lane: u32,
    pub(crate) tile: u32,
    pub(crate) x: u32,
    pub(crate) y: u32,
}

/// Reads `machine:run:flowcell:lane:tile:x:y` (CASAVA 1.8, a UMI may follow) or the older
/// `machine:lane:tile:x:y`. Other names give `None`: then nothing is known.
pub(crate) fn parse(name: &[u8]) -> Option<Tile> {
    let fields: Vec<&[u8]> = name.split(|&byte| byte == b':').collect();
    let at = match fields.len() {
        7 | 8 => 3,
        5 => 1,
        _ => return None,
    };
    Some(Tile {
        lane: number(fields[at])?,
        tile: number(fields[at + 1])?,
        x: number(fields[at + 2])?,
        y: number(fields[at + 3])?,
    })
}

/// The number a field begins with (`1234#0` is 1234).
fn number(field: &[u8]) -> Option<u32> {
    let end = field
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(field.len());
    std::str::from_utf8(&field[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Tile, parse};

    #[test]
    fn names_of_both_ages_are_read() {
        let tile = |lane, tile, x, y| Some(Tile { lane, tile, x, y });
        let cases: [(&[u8], _); 6] = [
            (b"A00:12:HXX:3:1101:2345:678", tile(3, 1101, 2345, 678)),
            (b"A00:12:HXX:3:1101:2345:678:ACG", tile(3, 1101, 2345, 678)),
            (b"HWI-X:6:73:941:1973#0", tile(6, 73, 941, 1973)),
            (b"SRR622457.12", None),
            (b"a:b:c:d:e:f:g", None),
            (b"", None),
        ];
        for (name, expected) in cases {
            assert_eq!(parse(name), expected, "{}", String::from_utf8_lossy(name));
        }
    }
}
