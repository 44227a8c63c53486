//! The civil calendar.

/// Seconds, minutes, hours, day, month and year (UTC) of seconds since 1970, by the civil calendar.
pub fn civil_time(seconds: i64) -> [i64; 6] {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 1 March of year 0, in eras of 400 years.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    [rest % 60, rest / 60 % 60, rest / 3600, day, month, year]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar() {
        assert_eq!(civil_time(0), [0, 0, 0, 1, 1, 1970]);
        assert_eq!(civil_time(951_782_399), [59, 59, 23, 28, 2, 2000]);
        assert_eq!(civil_time(951_782_400), [0, 0, 0, 29, 2, 2000]);
        assert_eq!(civil_time(1_795_467_600), [0, 0, 21, 23, 11, 2026]);
    }
}
