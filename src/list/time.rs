//! Times as lists write them, as seconds since 1970 (UTC).

/// The years that are taken for years: a list has no entry from before computers, and a larger number is a mistake.
/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

const YEARS: std::ops::RangeInclusive<i64> = 1970..=9999;

/// Returns the seconds since 1970 that a text spells: a whole number of them, or `2024-02-29`, or
/// `2024-02-29T12:00:00` with `T` or a space between, and with `Z`, `+00:00` or nothing at the end.
///
/// Fractions of a second are dropped. An offset from UTC other than zero is not read: a wrong time is worse than none.
pub fn parse_time(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        // Milliseconds would be a date some ten thousand years from now.
        return (0..=LAST_SECOND).contains(&seconds).then_some(seconds);
    }
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(10)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else {
        return None;
    };
    let year = number(&[*y1, *y2, *y3, *y4])?;
    let month = number(&[*m1, *m2])?;
    let day = number(&[*d1, *d2])?;
    let days = days_since_1970(year, month, day)?;
    Some(days * 86_400 + time_of_day(rest)?)
}

/// Returns the number that decimal digits spell.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| {
        digit
            .is_ascii_digit()
            .then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// Returns the seconds since midnight of what follows a date.
fn time_of_day(rest: &[u8]) -> Option<i64> {
    if rest.is_empty() {
        return Some(0);
    }
    let (time, zone) = rest.split_at_checked(9)?;
    let [b'T' | b't' | b' ', h1, h2, b':', m1, m2, b':', s1, s2] = time else {
        return None;
    };
    let (hour, minute, second) = (
        number(&[*h1, *h2])?,
        number(&[*m1, *m2])?,
        number(&[*s1, *s2])?,
    );
    let zone = match zone.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            &fraction[digits..]
        }
        None => zone,
    };
    let utc = matches!(zone, b"" | b"Z" | b"z" | b"+00:00" | b"+0000");
    // 60 is a leap second.
    (utc && hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// Returns the days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !YEARS.contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    // Years counted from March, so that the leap day comes last.
    let shifted = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let leap_days = shifted / 4 - shifted / 100 + shifted / 400;
    // 719468 days lie between 0000-03-01 and 1970-01-01.
    Some(shifted * 365 + leap_days + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_forms_lists_use() {
        for (text, seconds) in [
            ("0", 0),
            ("1700000000", 1_700_000_000),
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2024-03-01T00:00:01Z", 1_709_251_201),
            ("2024-03-01 00:00:01", 1_709_251_201),
            ("2024-03-01T00:00:01.999+00:00", 1_709_251_201),
            ("9999-12-31", 253_402_214_400),
        ] {
            assert_eq!(parse_time(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "-1",
            "yesterday",
            "2023-02-29",
            "1900-01-01",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "2024-01-01T24:00:00Z",
            "2024-01-01T10:00:00+02:00",
            "2024-01-01T10:00",
            "01/02/2024",
            "99999999999999999999",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
