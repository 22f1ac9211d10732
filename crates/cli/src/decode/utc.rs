//! Nanoseconds since the Unix epoch as UTC text.

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

#[cfg(test)]
mod tests {
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
}
