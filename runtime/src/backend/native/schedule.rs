//! The times at which cron triggers fire.

use crate::app::{Days, Schedule, Weekdays};

/// The minutes of a day.
const DAY: i64 = 24 * 60;

/// The days that are searched: a date of February 29 on a certain day of the week is at most 40
/// years away.
const MAX_DAYS: i64 = 41 * 366;

impl Schedule {
    /// Returns the first time after `now` at which the trigger fires, both in minutes since the
    /// Unix epoch. `None` if it never does, such as on February 30.
    #[must_use]
    pub fn next_after(&self, now: i64) -> Option<i64> {
        let start = now + 1;
        let today = start.div_euclid(DAY);
        let mut minute = start.rem_euclid(DAY);
        for day in today..today + MAX_DAYS {
            if self.has_day(&Date::of_day(day))
                && let Some(found) = (minute..DAY).find(|minute| self.has_minute(*minute))
            {
                return Some(day * DAY + found);
            }
            minute = 0;
        }
        None
    }

    fn has_minute(&self, minute: i64) -> bool {
        let (hour, minute) = (minute / 60, minute % 60);
        self.hours >> hour & 1 == 1 && self.minutes >> minute & 1 == 1
    }

    /// If both days are limited, one of them is enough.
    fn has_day(&self, date: &Date) -> bool {
        if self.months >> date.month & 1 == 0 {
            return false;
        }
        let (days, weekdays) = (self.days, self.weekdays);
        match (days == Days::Any, weekdays == Weekdays::Any) {
            (true, true) => true,
            (true, false) => weekdays.contain(date),
            (false, true) => days.contain(date),
            (false, false) => days.contain(date) || weekdays.contain(date),
        }
    }
}

impl Days {
    fn contain(self, date: &Date) -> bool {
        let last = |before: u8| date.last_day.checked_sub(before).filter(|day| *day > 0);
        match self {
            Self::Any => true,
            Self::Set(days) => days >> date.day & 1 == 1,
            Self::Last { before } => last(before) == Some(date.day),
            Self::NearestToLast { before } => {
                last(before).is_some_and(|day| date.is_nearest_to(day))
            }
            // Also in a month without this day, as on the platform: the 31st would be a Saturday if
            // the 30th is a Friday.
            Self::Nearest(day) => date.is_nearest_to(day),
        }
    }
}

impl Weekdays {
    fn contain(self, date: &Date) -> bool {
        match self {
            Self::Any => true,
            Self::Set(days) => days >> date.weekday & 1 == 1,
            Self::Last(day) => day == date.weekday && date.day + 7 > date.last_day,
            Self::Nth(day, number) => day == date.weekday && (date.day - 1) / 7 + 1 == number,
        }
    }
}

/// A day of the Gregorian calendar.
struct Date {
    month: u8,
    day: u8,
    /// From 1, which is Sunday.
    weekday: u8,
    /// The last day of the month.
    last_day: u8,
}

impl Date {
    /// Returns the date of a day since the Unix epoch.
    ///
    /// Years start in March here, so that the leap day is the last one:
    /// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
    fn of_day(day: i64) -> Self {
        // From March 1 of the year 0, in cycles of 400 years.
        let days = day + 719_468;
        let day_of_cycle = days.rem_euclid(146_097);
        let year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524
            - day_of_cycle / 146_096)
            / 365;
        let day_of_year =
            day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        let year = days.div_euclid(146_097) * 400 + year_of_cycle + i64::from(month <= 2);

        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last_day = match month {
            2 => 28 + u8::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        Self {
            month: month as u8,
            day: (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8,
            // The epoch was a Thursday.
            weekday: (day + 4).rem_euclid(7) as u8 + 1,
            last_day,
        }
    }

    /// Whether this is the working day of the month that is nearest to `day`.
    fn is_nearest_to(&self, day: u8) -> bool {
        let weekday_of = |other: u8| {
            let distance = i64::from(other) - i64::from(self.day);
            (i64::from(self.weekday) - 1 + distance).rem_euclid(7) as u8 + 1
        };
        let nearest = match weekday_of(day) {
            // Saturday, Sunday
            7 if day == 1 => 3,
            7 => day - 1,
            1 if day == self.last_day => day - 2,
            1 => day + 1,
            _ => day,
        };
        self.day == nearest
    }
}
