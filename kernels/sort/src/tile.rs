//! Where on the flow cell a read was seen, from an Illumina name.

/// A cluster's place, in the instrument's units (tenths of a pixel). As in Picard each number has 16 bits, what
/// is above them is lost: of positions beyond 32,767 only neighbours on the same side of that line are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    /// The tile; [`NOWHERE`] has -1.
    pub(crate) tile: i16,
    /// Across the tile.
    pub(crate) x: i16,
    /// Along the tile.
    pub(crate) y: i16,
}

/// What a name says that tells no place.
pub(crate) const NOWHERE: Spot = Spot {
    tile: -1,
    x: -1,
    y: -1,
};

impl Spot {
    /// True when the place is known.
    pub(crate) fn is_known(self) -> bool {
        self.tile != NOWHERE.tile
    }
}

/// Reads `machine:run:flowcell:lane:tile:x:y` (CASAVA 1.8, a UMI may follow) or the older
/// `machine:lane:tile:x:y`. Other names give [`NOWHERE`].
pub(crate) fn parse(name: &[u8]) -> Spot {
    let last = match name.iter().filter(|&&byte| byte == b':').count() {
        4 => 2,
        6 | 7 => 4,
        _ => return NOWHERE,
    };
    let mut fields = name.split(|&byte| byte == b':').skip(last);
    let mut next = || fields.next().and_then(number);
    match (next(), next(), next()) {
        (Some(tile), Some(x), Some(y)) => Spot { tile, x, y },
        _ => NOWHERE,
    }
}

/// The lower 16 bits of the number a field begins with (`1234#0` is 1234).
fn number(field: &[u8]) -> Option<i16> {
    let digits = field.iter().take_while(|byte| byte.is_ascii_digit());
    let value = digits.clone().fold(0i16, |value, &digit| {
        value.wrapping_mul(10).wrapping_add(i16::from(digit - b'0'))
    });
    (digits.count() > 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::{NOWHERE, Spot, parse};

    #[test]
    fn names_of_both_ages_are_read() {
        let spot = |tile, x, y| Spot { tile, x, y };
        let cases: [(&[u8], _); 8] = [
            (b"A00:12:HXX:3:1101:2345:678", spot(1101, 2345, 678)),
            (b"A00:12:HXX:3:1101:2345:678:ACG", spot(1101, 2345, 678)),
            (b"HWI-X:6:73:941:1973#0", spot(73, 941, 1973)),
            // HiSeq X counts beyond 16 bits.
            (b"E00:1:H:1:2228:32768:70000", spot(2228, -32_768, 4464)),
            (b"SRR622457.12", NOWHERE),
            (b"a:b:c:d:e:f:g", NOWHERE),
            (b"1:2:3:4:5:6", NOWHERE),
            (b"", NOWHERE),
        ];
        for (name, expected) in cases {
            assert_eq!(parse(name), expected, "{}", String::from_utf8_lossy(name));
        }
    }
}
