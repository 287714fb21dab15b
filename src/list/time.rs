//! Times as lists write them, as seconds since 1970 (UTC).

/// The last second of the year 9999.
pub(super) const LAST_SECOND: i64 = 253_402_300_799;

/// The years that are taken for years: a list has no entry from before computers, and a larger number is a mistake.
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

/// Returns the text that [`parse_time`] reads as so many seconds since 1970: `2024-02-29` for midnight and else
/// `2024-02-29T12:00:00Z`; `None` before 1970 and after 9999.
pub fn format_time(seconds: i64) -> Option<String> {
    if !(0..=LAST_SECOND).contains(&seconds) {
        return None;
    }
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Of the Gregorian calendar from 0000-03-01 on, so that the leap day comes last in a year, a century and an era.
    let day_of_eras = days + 719_468;
    let (era, day) = (day_of_eras / 146_097, day_of_eras % 146_097);
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = 400 * era + year_of_era + i64::from(month >= 10);
    let month = (month + 2) % 12 + 1;
    let date = format!("{year:04}-{month:02}-{day:02}");
    let (hour, minute) = (second / 3600, second / 60 % 60);
    Some(match second {
        0 => date,
        _ => format!("{date}T{hour:02}:{minute:02}:{:02}Z", second % 60),
    })
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
    fn every_day_is_written_as_it_is_read() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_251_201, "2024-03-01T00:00:01Z"),
            (LAST_SECOND, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(format_time(seconds).as_deref(), Some(text));
        }
        for day in 0..=LAST_SECOND / 86_400 {
            let text = format_time(day * 86_400).unwrap();
            assert_eq!(parse_time(&text), Some(day * 86_400), "{text}");
        }
        assert_eq!(
            (format_time(-1), format_time(LAST_SECOND + 1)),
            (None, None)
        );
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
