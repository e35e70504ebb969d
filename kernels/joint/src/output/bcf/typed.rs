//! Typed values of BCF (section 6.3.3 of the VCF specification).

/// A value that is not there.
pub(super) const MISSING: i32 = i32::MIN;
/// What follows the values of a sample that has fewer than others.
pub(super) const END: i32 = i32::MIN + 1;
/// Bits of a missing float.
const FLOAT_MISSING: u32 = 0x7f80_0001;
pub(super) const INT8: u8 = 1;
const INT16: u8 = 2;
const INT32: u8 = 3;
const FLOAT: u8 = 5;
pub(super) const CHAR: u8 = 7;

/// A FORMAT field: so many values for each sample, in the fewest bytes that hold all.
pub(super) fn matrix<const WIDTH: usize>(
    out: &mut Vec<u8>,
    key: i32,
    values: impl ExactSizeIterator<Item = [i32; WIDTH]> + Clone,
) {
    let of = |most: i32, values: [i32; WIDTH]| values.into_iter().fold(most, i32::max);
    let kind = holding(values.clone().fold(0, of));
    numbers(out, &[key]);
    descriptor(out, WIDTH, kind);
    if kind != INT8 {
        values.for_each(|values| put(out, kind, &values));
        return;
    }
    let start = out.len();
    out.resize(start + WIDTH * values.len(), 0);
    let (cells, _) = out[start..].as_chunks_mut();
    for (cell, values) in cells.iter_mut().zip(values) {
        *cell = values.map(byte);
    }
}

/// A FORMAT field of one byte for each sample.
pub(super) fn bytes(out: &mut Vec<u8>, key: i32, kind: u8, values: impl Iterator<Item = u8>) {
    numbers(out, &[key]);
    descriptor(out, 1, kind);
    out.extend(values);
}

/// A FORMAT field of which few of so many samples have values: their numbers, in order, and their values.
pub(super) fn sparse<'a>(
    out: &mut Vec<u8>,
    key: i32,
    samples: usize,
    lists: impl Iterator<Item = (usize, &'a [i32])> + Clone,
) {
    let width = lists.clone().map(|(_, list)| list.len()).max().unwrap_or(0);
    let widest = lists.clone().map(|(_, list)| narrowest(list)).max();
    let kind = widest.unwrap_or(INT8);
    numbers(out, &[key]);
    descriptor(out, width, kind);
    let mut nothing = vec![END; width];
    nothing[0] = MISSING;
    let mut cell = Vec::new();
    put(&mut cell, kind, &nothing);
    let start = out.len();
    let end = start + samples * cell.len();
    out.extend_from_slice(&cell);
    while out.len() < end {
        let more = (out.len() - start).min(end - out.len());
        out.extend_from_within(start..start + more);
    }
    let mut values = vec![END; width];
    for (sample, list) in lists.filter(|(_, list)| !list.is_empty()) {
        let place = start + sample * cell.len();
        values.fill(END);
        values[..list.len()].copy_from_slice(list);
        let mut own = Vec::with_capacity(cell.len());
        put(&mut own, kind, &values);
        out[place..place + cell.len()].copy_from_slice(&own);
    }
}

/// A list of integers with its type.
pub(super) fn numbers(out: &mut Vec<u8>, values: &[i32]) {
    let kind = narrowest(values);
    descriptor(out, values.len(), kind);
    put(out, kind, values);
}

fn narrowest(values: &[i32]) -> u8 {
    // What is missing is below 0.
    holding(values.iter().fold(0, |most, value| most.max(*value)))
}

/// The type of the fewest bytes that holds values of up to this.
fn holding(most: i32) -> u8 {
    match most {
        0..=127 => INT8,
        128..=32_767 => INT16,
        _ => INT32,
    }
}

/// A value as one byte. Only what is missing is below 0: the least value of a type, and the one after it.
pub(super) fn byte(value: i32) -> u8 {
    value as u8 | ((value >> 31) as u8 & 0x80)
}

fn put(out: &mut Vec<u8>, kind: u8, values: &[i32]) {
    match kind {
        INT8 => out.extend(values.iter().copied().map(byte)),
        INT16 => {
            for value in values {
                let coded = *value as u16 | ((value >> 31) as u16 & 0x8000);
                out.extend_from_slice(&coded.to_le_bytes());
            }
        }
        _ => {
            for value in values {
                out.extend_from_slice(&value.to_le_bytes());
            }
        }
    }
}

/// A list of floats with its type.
pub(super) fn floats(out: &mut Vec<u8>, values: &[Option<f64>]) {
    descriptor(out, values.len(), FLOAT);
    for value in values {
        let bits = value.map_or(FLOAT_MISSING, |value| (value as f32).to_bits());
        out.extend_from_slice(&bits.to_le_bytes());
    }
}

/// A string with its type.
pub(super) fn text(out: &mut Vec<u8>, text: &[u8]) {
    descriptor(out, text.len(), CHAR);
    out.extend_from_slice(text);
}

/// Length and type of what follows.
pub(super) fn descriptor(out: &mut Vec<u8>, length: usize, kind: u8) {
    if length < 15 {
        out.push((length as u8) << 4 | kind);
    } else {
        out.push(0xf0 | kind);
        numbers(out, &[length as i32]);
    }
}

#[cfg(test)]
mod tests {
    use super::{END, MISSING, floats, numbers, sparse};

    #[test]
    fn numbers_take_the_bytes_that_they_need() {
        let coded = |values: &[i32]| {
            let mut out = Vec::new();
            numbers(&mut out, values);
            out
        };
        assert_eq!(coded(&[5]), [0x11, 5]);
        assert_eq!(coded(&[MISSING, END, 1]), [0x31, 0x80, 0x81, 1]);
        assert_eq!(
            coded(&[MISSING, END, 300]),
            [0x32, 0x00, 0x80, 0x01, 0x80, 0x2c, 0x01]
        );
        assert_eq!(coded(&[70_000, END])[..5], [0x23, 0x70, 0x11, 0x01, 0]);
        let long = vec![1; 20];
        assert_eq!(coded(&long)[..4], [0xf1, 0x11, 20, 1]);
    }

    #[test]
    fn who_has_no_values_has_a_missing_one() {
        let lists: [(usize, &[i32]); 3] = [(1, &[7, 8]), (2, &[9]), (3, &[])];
        let mut out = Vec::new();
        sparse(&mut out, 3, 5, lists.into_iter());
        let cells = [0x80, 0x81, 7, 8, 9, 0x81, 0x80, 0x81, 0x80, 0x81];
        assert_eq!(out, [&[0x11, 3, 0x21], cells.as_slice()].concat());
    }

    #[test]
    fn a_missing_float_is_no_nan_of_the_machine() {
        let mut out = Vec::new();
        floats(&mut out, &[Some(0.5), None]);
        assert_eq!(out, [0x25, 0, 0, 0, 0x3f, 1, 0, 0x80, 0x7f]);
    }
}
