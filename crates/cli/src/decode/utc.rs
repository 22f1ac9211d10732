//! Nanoseconds since the Unix epoch as UTC text, and back.

use std::fmt;

/// Writes itself as `2024-08-08T23:54:14.123456789Z` (RFC 3339).
pub(super) struct Utc(pub(super) u64);

const NS_PER_S: u64 = 1_000_000_000;
const S_PER_DAY: u64 = 86_400;
/// Days in 400 years of the Gregorian calendar, after which it repeats.
const DAYS_PER_400_YEARS: u64 = 146_097;
/// Days from 1 March of the year 0 to 1 January 1970.
const DAYS_TO_1970: u64 = 719_468;

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ns) = (self.0 / NS_PER_S, self.0 % NS_PER_S);
        let (year, month, day) = civil(seconds / S_PER_DAY);
        let of_day = seconds % S_PER_DAY;
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z"
        )
    }
}

/// Year, month and day of the month of a day counted from 1 January 1970. Years are counted from March here, so
/// that the leap day is the last of its year.
fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + DAYS_TO_1970;
    let (cycle, mut day) = (days / DAYS_PER_400_YEARS, days % DAYS_PER_400_YEARS);
    // The last day of the last century, and of the last four years, is the leap day that its neighbours lack.
    let century = (day / 36_524).min(3);
    day -= century * 36_524;
    let four_years = day / 1_461;
    day -= four_years * 1_461;
    let year_of_four = (day / 365).min(3);
    day -= year_of_four * 365;
    let mut month = 0;
    for length in [31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let march_year = cycle * 400 + century * 100 + four_years * 4 + year_of_four;
    if month < 10 {
        (march_year, month + 3, day + 1)
    } else {
        (march_year + 1, month - 9, day + 1)
    }
}

/// The time that is written as above, with no digits to nine of a second.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 59 || fraction.len() > 9 {
        return None;
    }
    let of_day = (hour * 60 + minute) * 60 + second;
    let seconds = days_to(year, month, day)? * S_PER_DAY + of_day;
    let [ns] = numbers(&format!("{fraction:0<9}"), '.', [9])?;
    seconds.checked_mul(NS_PER_S)?.checked_add(ns)
}

/// `N` numbers between separators, each of so many digits.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        if !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days from 1 January 1970 to a date, `None` if there is no such date or it is before.
fn days_to(year: u64, month: u64, day: u64) -> Option<u64> {
    let march_year = if month > 2 { year } else { year.checked_sub(1)? };
    let leap_days = march_year / 4 - march_year / 100 + march_year / 400;
    // From March on the months are 31, 30, 31, 30, 31 days long, and again.
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let days = (march_year * 365 + leap_days + of_year).checked_sub(DAYS_TO_1970)?;
    (civil(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times() {
        for (ns, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_400 * NS_PER_S, "2000-02-29T00:00:00.000000000Z"),
            (1_723_161_254_123_456_789, "2024-08-08T23:54:14.123456789Z"),
            (4_107_542_400 * NS_PER_S, "2100-03-01T00:00:00.000000000Z"),
            (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
        ] {
            assert_eq!(Utc(ns).to_string(), text);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut expected = (1970, 1, 1);
        for day in 0..213_503 {
            assert_eq!(civil(day), expected);
            let (year, month, of_month) = expected;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = match (month, of_month == length) {
                (_, false) => (year, month, of_month + 1),
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
            };
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "2024-08-08",
            "2024-08-08T23:54:14",
            "2024-08-08 23:54:14Z",
            "2024-08-08T24:00:00Z",
            "2024-08-08T23:60:00Z",
            "2024-08-08T23:54:60Z",
            "2023-02-29T00:00:00Z",
            "2024-04-31T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2554-07-21T23:34:33.709551616Z",
            "9999-01-01T00:00:00Z",
            "2024-08-08T23:54:14.Z ",
            "2024-08-08T23:54:14.1234567890Z",
            "2024-08-08T23:54:14.+12Z",
            "+024-08-08T23:54:14Z",
            "2024-08-08T23:54:14+00:00",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse("2024-08-08T23:54:14.12Z"), Some(1_723_161_254_120_000_000));
        assert_eq!(parse("2024-08-08T23:54:14Z"), Some(1_723_161_254_000_000_000));
    }

    proptest! {
        #[test]
        fn times_are_read_as_they_are_written(ns in any::<u64>(), text in "[0-9TZ:.-]{0,31}") {
            prop_assert_eq!(parse(&Utc(ns).to_string()), Some(ns));
            if let Some(ns) = parse(&text) {
                prop_assert!(Utc(ns).to_string().starts_with(text.trim_end_matches('Z')));
            }
        }
    }
}
