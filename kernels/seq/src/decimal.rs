//! Numbers as text.

/// Appends a number in decimal digits.
pub fn append(number: i64, into: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    into.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn digits_are_those_of_the_formatter() {
        for number in [0, 7, -1, 10, 4_294_967_295, -12_345, i64::MAX, i64::MIN] {
            let mut text = b"x".to_vec();
            append(number, &mut text);
            assert_eq!(text, format!("x{number}").into_bytes());
        }
    }
}
