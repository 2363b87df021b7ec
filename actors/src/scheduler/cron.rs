use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::error::SchedulerError;
use super::schedule::Schedule;

/// A cron expression in a time zone.
#[derive(Clone)]
pub(super) struct Cron {
    pattern: Arc<croner::Cron>,
    zone: TimeZone,
}

impl Schedule {
    /// By a cron expression in a time zone: minute, hour, day of the month, month, day of the week, with an optional
    /// field for seconds before them. `zone` is a name of the IANA database, such as `Europe/Berlin`, or `UTC`; its
    /// data comes from the system.
    ///
    /// When clocks go forward, a time within the gap comes at the end of the gap. When they go back, a time that there
    /// is twice comes once, but a job that runs several times an hour goes on.
    ///
    /// Whether an expression ever comes is found by a search of 3,000 years, which takes some tens of milliseconds if
    /// it never does: parse untrusted expressions in a [blocking job](tenure::Spawner::blocking).
    ///
    /// ```
    /// use tenure_actors::scheduler::Schedule;
    ///
    /// // On weekdays at half past eight, Berlin time.
    /// assert!(Schedule::cron("30 8 * * MON-FRI", "Europe/Berlin").is_ok());
    /// assert!(Schedule::cron("61 * * * *", "UTC").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`SchedulerError::BadCron`] if the expression is invalid or never comes, such as the 30th of February;
    /// [`SchedulerError::BadZone`] if the zone is not known.
    pub fn cron(expression: &str, zone: &str) -> Result<Self, SchedulerError> {
        let bad = |why: String| SchedulerError::BadCron {
            expression: expression.to_owned(),
            why,
        };
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build();
        let pattern = parser
            .parse(expression)
            .map_err(|error| bad(error.to_string()))?;
        let known = TimeZone::get(zone);
        let zone = known.map_err(|_| SchedulerError::BadZone(zone.to_owned()))?;
        let pattern = Arc::new(pattern);
        let cron = super::cron::Cron { pattern, zone };
        match cron.after(SystemTime::now()) {
            Some(_) => Ok(Self::of_cron(cron)),
            None => Err(bad(String::from("it never comes"))),
        }
    }
}

impl Cron {
    /// The first time after this one; `None` if none comes.
    pub(super) fn after(&self, time: SystemTime) -> Option<SystemTime> {
        let time = Timestamp::try_from(time).ok()?;
        let zoned: Zoned = time.to_zoned(self.zone.clone());
        let next = self.pattern.find_next_occurrence(&zoned, false).ok()?;
        Some(SystemTime::from(next.timestamp()))
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.iana_name().unwrap_or("?");
        write!(f, "{} {zone}", self.pattern.as_str())
    }
}
