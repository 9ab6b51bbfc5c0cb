//! Sums of numbers with a fraction, as INCRBYFLOAT writes them.
//!
//! Redis adds in the 80 bit numbers of x86 and shows up to 17 decimals without exponent.
//! Here numbers are counted exactly, in units of 10^-17, as long as they fit into 128 bits, which
//! is up to 10^21; so 0.1 + 0.2 is 0.3, and no noise shows in the last decimals of large numbers.
//! Larger ones are added as 64 bit numbers. Hexadecimal numbers are not accepted.

use crate::args::float;
use crate::reply_error::ReplyError;

const NOT_FINITE: ReplyError = ReplyError::fixed("ERR increment would produce NaN or Infinity");

/// How many digits behind the point are kept.
const DECIMALS: usize = 17;
/// What stands for one.
const ONE: i128 = 10i128.pow(DECIMALS as u32);

/// Returns the sum of two numbers, as text.
///
/// # Errors
/// One of them is no number, or the sum is not finite.
pub(super) fn add(augend: &[u8], addend: &[u8]) -> Result<String, ReplyError> {
    let sum = float(augend)? + float(addend)?;
    if !sum.is_finite() {
        return Err(NOT_FINITE);
    }
    let exact = parse(augend).zip(parse(addend)).and_then(|(a, b)| a.checked_add(b));
    Ok(match exact {
        Some(sum) => text(sum),
        None => trimmed(&format!("{sum:.DECIMALS$}")).to_owned(),
    })
}

/// Reads what is known to be a number, in units of 10^-17; `None` if it is too large.
fn parse(number: &[u8]) -> Option<i128> {
    let number = std::str::from_utf8(number).ok()?;
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent: i64 = exponent.parse().ok()?;
    let mut mantissa: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()).filter(|byte| !b"+-".contains(byte)) {
        let digit = digit.is_ascii_digit().then(|| i128::from(digit - b'0'))?;
        mantissa = mantissa.checked_mul(10)?.checked_add(digit)?;
    }
    let shift = exponent.checked_add(DECIMALS as i64)?.checked_sub(fraction.len() as i64)?;
    let power = u32::try_from(shift.unsigned_abs()).ok()?;
    let scale = 10i128.checked_pow(power);
    let units = match scale {
        _ if mantissa == 0 => 0,
        Some(scale) if shift >= 0 => mantissa.checked_mul(scale)?,
        Some(scale) => mantissa.checked_add(scale / 2)? / scale,
        None if shift >= 0 => return None,
        None => 0,
    };
    Some(if whole.starts_with('-') { -units } else { units })
}

fn text(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let units = units.unsigned_abs();
    let (whole, fraction) = (units / ONE.unsigned_abs(), units % ONE.unsigned_abs());
    trimmed(&format!("{sign}{whole}.{fraction:0DECIMALS$}")).to_owned()
}

/// Cuts zeros at the end of the fraction off.
fn trimmed(text: &str) -> &str {
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0",
        text => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn sums_are_exact_decimals() {
        let check = |augend: &str, addend: &str, expect: &str| {
            let sum = add(augend.as_bytes(), addend.as_bytes());
            let sum = sum.unwrap_or_else(|error| error.text().to_owned());
            assert_eq!(sum, expect, "{augend} + {addend}");
        };
        check("0.1", "0.2", "0.3");
        check("10.50", "0.1", "10.6");
        check("10.6", "-5", "5.6");
        check("5.0e3", "2.0e2", "5200");
        check("3", "-3.0", "0");
        check("-0", "0", "0");
        check("-0.5", "0.25", "-0.25");
        check("-.5", "+1.", "0.5");
        check("1e-17", "0", "0.00000000000000001");
        check("1e-18", "0", "0");
        check("6e-18", "0", "0.00000000000000001");
        check("1e-99999", "0e99999", "0");
        check("999999999999999999999", "1", "1000000000000000000000");
        check("1e30", "0", "1000000000000000019884624838656");
        check("0.12345678901234567890123456789012345678901", "0", "0.12345678901234568");
        check("100", "0", "100");
        check("1e308", "1e308", "ERR increment would produce NaN or Infinity");
        check("inf", "1", "ERR increment would produce NaN or Infinity");
        for bad in ["", " 1", "1 ", "x", "nan", "1e", "--1", "1.2.3"] {
            check(bad, "1", "ERR value is not a valid float");
        }
    }
}
