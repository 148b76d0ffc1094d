//! Numbers as JavaScript prints them.

use std::fmt::Write as _;

/// Appends a finite number.
pub(crate) fn write_number(out: &mut String, number: f64) {
    // Exact in both types, and by far the most common.
    if number.fract() == 0.0 && number.abs() < 1e15 {
        let _ = write!(out, "{}", number as i64);
        return;
    }
    let scientific = format!("{:e}", number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if number < 0.0 {
        out.push('-');
    }
    let count = digits.len();
    let zeros = |out: &mut String, n: usize| out.extend(std::iter::repeat_n('0', n));
    match exponent {
        -6..0 => {
            out.push_str("0.");
            zeros(out, exponent.unsigned_abs() as usize - 1);
            out.push_str(&digits);
        }
        0..21 => {
            let whole = exponent.unsigned_abs() as usize + 1;
            if count <= whole {
                out.push_str(&digits);
                zeros(out, whole - count);
            } else {
                out.push_str(&digits[..whole]);
                out.push('.');
                out.push_str(&digits[whole..]);
            }
        }
        _ => {
            out.push_str(&digits[..1]);
            if count > 1 {
                out.push('.');
                out.push_str(&digits[1..]);
            }
            let sign = if exponent < 0 { '-' } else { '+' };
            let _ = write!(out, "e{sign}{}", exponent.unsigned_abs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::write_number;

    #[test]
    fn numbers_are_spelt_as_in_javascript() {
        for (number, text) in [
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (1e-7, "1e-7"),
            (123_456_789_012_345_680.0, "123456789012345680"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.25e300, "-1.25e+300"),
            (5e-324, "5e-324"),
            (1_234.567_8, "1234.5678"),
        ] {
            let mut out = String::new();
            write_number(&mut out, number);
            assert_eq!(out, text);
        }
    }
}
