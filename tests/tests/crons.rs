//! Compares cron expressions with Cloudflare's own parser, the crate `saffron`: which ones are valid,
//! and when they fire.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use bindery::__private::{Days, Schedule, Weekdays};
use bindery_codegen::manifest::cron;
use bindery_tests::random::Random;
use chrono::{DateTime, Utc};
use saffron::Cron;

/// The expressions that are generated.
const EXPRESSIONS: usize = 40_000;

/// 2026-01-01 and 2096-02-28, near a leap day, in minutes since the Unix epoch.
const STARTS: [i64; 2] = [29_453_760, 66_353_760];

/// The schedule as the runtime has it.
fn schedule(schedule: cron::Schedule) -> Schedule {
    Schedule {
        minutes: schedule.minutes,
        hours: schedule.hours,
        days: match schedule.days {
            cron::Days::Any => Days::Any,
            cron::Days::Set(days) => Days::Set(days),
            cron::Days::Last { before } => Days::Last { before },
            cron::Days::NearestToLast { before } => Days::NearestToLast { before },
            cron::Days::Nearest(day) => Days::Nearest(day),
        },
        months: schedule.months,
        weekdays: match schedule.weekdays {
            cron::Weekdays::Any => Weekdays::Any,
            cron::Weekdays::Set(days) => Weekdays::Set(days),
            cron::Weekdays::Last(day) => Weekdays::Last(day),
            cron::Weekdays::Nth(day, number) => Weekdays::Nth(day, number),
        },
    }
}

/// An expression that is probably valid.
fn expression(random: &mut Random) -> String {
    let months = ["JAN", "feb", "Dec"];
    let weekdays = ["SUN", "mon", "Sat", "FRI"];
    let fields = [
        field(random, 0, 59, &[]),
        field(random, 0, 23, &[]),
        match random.below(4) {
            0 => special_day(random),
            _ => field(random, 1, 31, &[]),
        },
        field(random, 1, 12, &months),
        match random.below(4) {
            0 => special_weekday(random),
            _ => field(random, 1, 7, &weekdays),
        },
    ];
    fields.join(" ")
}

fn field(random: &mut Random, first: usize, last: usize, names: &[&str]) -> String {
    if random.one_in(3) {
        return "*".to_owned();
    }
    let items = (0..=random.below(3)).map(|_| item(random, first, last, names));
    items.collect::<Vec<_>>().join(",")
}

fn item(random: &mut Random, first: usize, last: usize, names: &[&str]) -> String {
    let value = |random: &mut Random| match random.below(6) {
        0 if !names.is_empty() => random.pick(names).to_owned(),
        _ => {
            // Sometimes outside of the range.
            let beyond = usize::from(random.one_in(60));
            random.between(first, last + beyond).to_string()
        }
    };
    match random.below(5) {
        0 => format!("*/{}", random.below(last + 1)),
        1 => format!("{}/{}", value(random), 1 + random.below(last)),
        // Cloudflare's parser adds a value to ranges over the end of a field.
        2 => {
            let (left, right) = (
                first + random.below(last - first),
                first + random.below(last - first + 1),
            );
            format!("{}-{}", left.min(right), left.max(right))
        }
        _ => value(random),
    }
}

fn special_day(random: &mut Random) -> String {
    match random.below(4) {
        0 => "L".to_owned(),
        1 => "LW".to_owned(),
        2 => format!("L-{}", random.below(32)),
        _ => format!("{}W", random.below(33)),
    }
}

fn special_weekday(random: &mut Random) -> String {
    match random.below(3) {
        0 => "L".to_owned(),
        1 => format!("{}L", random.below(9)),
        _ => format!("{}#{}", random.below(9), random.below(7)),
    }
}

fn time(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(minute * 60, 0).expect("is a time")
}

#[test]
fn crons_are_those_of_cloudflare() {
    let mut random = Random(1);
    let (mut valid, mut fired) = (0, 0);
    for _ in 0..EXPRESSIONS {
        let text = expression(&mut random);
        let (own, theirs) = (cron::parse(&text), text.parse::<Cron>());
        assert_eq!(own.is_ok(), theirs.is_ok(), "`{text}`: {own:?}");
        let (Ok(own), Ok(theirs)) = (own, theirs) else {
            continue;
        };

        valid += 1;
        // For `L-3W` their parser subtracts below zero, and fires on Monday as well as on Friday.
        if matches!(own.days, cron::Days::NearestToLast { before } if before > 0) {
            continue;
        }
        let own = schedule(own);
        for start in STARTS {
            let mut now = start;
            for _ in 0..4 {
                let next = own.next_after(now);
                let expected = theirs
                    .next_after(time(now))
                    .map(|time| time.timestamp() / 60);
                assert_eq!(next, expected, "`{text}` after {}", time(now));
                let Some(next) = next else {
                    break;
                };
                fired += 1;
                now = next;
            }
        }
    }
    assert!(
        valid > EXPRESSIONS / 2 && fired > 2 * EXPRESSIONS,
        "{valid} and {fired}"
    );
}

#[test]
fn ranges_go_over_the_end_of_a_field() {
    let parse = |text| cron::parse(text).expect("is valid");
    assert_eq!(
        parse("50-10/10 * * * *").minutes,
        parse("0,10,50 * * * *").minutes
    );
    assert_eq!(
        parse("* 22-2 * * *").hours,
        parse("* 22,23,0,1,2 * * *").hours
    );
    assert_eq!(
        parse("* * * * FRI-SUN").weekdays,
        parse("* * * * 6,7,1").weekdays
    );
}

#[test]
fn some_crons_never_fire() {
    let parse = |text| schedule(cron::parse(text).expect("is valid"));
    assert_eq!(parse("0 0 30 2 *").next_after(0), None);
    assert_eq!(parse("0 0 31 4,6 *").next_after(0), None);
    // 2096-02-29 is followed by 2104-02-29.
    assert_eq!(parse("0 0 29 2 *").next_after(66_355_200), Some(70_561_440));
}
