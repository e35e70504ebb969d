//! Numbers as text.

/// Appends a number.
pub(super) fn number(line: &mut Vec<u8>, value: u32) {
    if value < 10 {
        line.push(b'0' + value as u8);
        return;
    }
    let mut digits = [0; 10];
    let (mut first, mut rest) = (digits.len(), value);
    while rest > 0 {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    line.extend_from_slice(&digits[first..]);
}

/// Appends numbers with commas between; `.` without any.
pub(super) fn list(line: &mut Vec<u8>, items: impl Iterator<Item = u32>) {
    let start = line.len();
    for item in items {
        if line.len() > start {
            line.push(b',');
        }
        number(line, item);
    }
    if line.len() == start {
        line.push(b'.');
    }
}

/// A number with at most `places` decimals and no zeros at its end.
pub(super) fn decimal(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{decimal, list, number};

    #[test]
    fn as_the_library_writes_them() {
        for value in [0, 9, 10, 99, 100, 12_345, u32::MAX] {
            let mut line = Vec::new();
            number(&mut line, value);
            assert_eq!(line, value.to_string().into_bytes());
        }
        let mut line = Vec::new();
        list(&mut line, [1, 20].into_iter());
        list(&mut line, std::iter::empty());
        assert_eq!(line, b"1,20.");
        assert_eq!(decimal(0.25, 6), "0.25");
        assert_eq!(decimal(-0.000_01, 4), "0");
        assert_eq!(decimal(30.0, 2), "30");
    }
}
