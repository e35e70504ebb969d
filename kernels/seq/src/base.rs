//! Bases as codes (A 0, C 1, G 2, T 3, anything else 4) and as upper-case ASCII.

/// The code of every base that is not A, C, G or T.
pub const N: u8 = 4;

/// ASCII of each code.
pub const ASCII: [u8; 5] = *b"ACGTN";

const CODES: [u8; 256] = {
    let mut table = [N; 256];
    let mut code = 0;
    while code < 4 {
        let upper = ASCII[code] as usize;
        table[upper] = code as u8;
        table[upper + 32] = code as u8;
        code += 1;
    }
    table[b'U' as usize] = 3;
    table[b'u' as usize] = 3;
    table
};

/// The code of an ASCII base, in either case; U counts as T, every ambiguity as [`N`].
#[inline]
#[must_use]
pub fn code(ascii: u8) -> u8 {
    CODES[ascii as usize]
}

/// The complement of a code; [`N`] stays.
#[inline]
#[must_use]
pub fn complement_code(code: u8) -> u8 {
    if code < 4 { 3 - code } else { N }
}

/// The complement of an upper-case ASCII base; what is not A, C, G or T becomes `N`.
#[inline]
#[must_use]
pub fn complement(ascii: u8) -> u8 {
    ASCII[complement_code(code(ascii)) as usize]
}

/// Reverse-complements ASCII bases in place.
pub fn reverse_complement_in_place(bases: &mut [u8]) {
    bases.reverse();
    for base in bases {
        *base = complement(*base);
    }
}

/// The reverse complement of ASCII bases.
#[must_use]
pub fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    bases.iter().rev().map(|&base| complement(base)).collect()
}

#[cfg(test)]
mod tests {
    use super::{code, complement, reverse_complement, reverse_complement_in_place};

    #[test]
    fn codes_ignore_case_and_fold_ambiguity() {
        assert_eq!(
            b"ACGTacgtNRu-".map(code),
            [0, 1, 2, 3, 0, 1, 2, 3, 4, 4, 3, 4]
        );
        assert_eq!(complement(b'R'), b'N');
    }

    #[test]
    fn reverse_complement_is_its_own_inverse() {
        let bases = b"ACGTTNAC".to_vec();
        assert_eq!(reverse_complement(&bases), b"GTNAACGT");
        let mut twice = bases.clone();
        reverse_complement_in_place(&mut twice);
        reverse_complement_in_place(&mut twice);
        assert_eq!(twice, bases);
    }
}
