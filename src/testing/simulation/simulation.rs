use std::ops::Range;
use std::time::Duration;

use tokio::runtime::Handle;

use super::choices::Choices;
use super::fault::Faults;
use super::report::{Finding, SimulationError};
use super::run::{Body, Outside, Run, judged, run};
use super::schedule::Schedule;
use super::seeds::Seeds;
use super::shrink::Shrink;
use super::sim::Sim;
use super::world::World;
use crate::actor::TaskOutput;

/// Runs `body` once for each seed, in the order of events that the seed chooses, with the default
/// [settings](Simulation).
///
/// # Panics
///
/// If a run fails: with the seed, the line that replays it, and what happened. [`Finding`] lists the failures.
#[track_caller]
pub fn simulate<R: TaskOutput>(seeds: Seeds, body: impl AsyncFn(Sim) -> R) {
    Simulation::new(seeds).run(body);
}

/// The settings of a simulation.
///
/// ```
/// use std::time::Duration;
/// use tenure::testing::{Faults, Schedule, Seeds, Simulation};
///
/// let summary = Simulation::new(Seeds::first(100))
///     .schedule(Schedule::Priority)
///     .faults(Faults::none().delays(0.1, Duration::from_secs(1)))
///     .twice()
///     .try_run(async |_sim| {
///         tenure::scope(async |scope| Ok(scope.task(async {})?.await?)).await
///     })
///     .unwrap();
/// assert_eq!(summary.runs, 100);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a simulation does nothing until it is run"]
pub struct Simulation {
    seeds: Seeds,
    settings: Settings,
    twice: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) schedule: Schedule,
    pub(super) faults: Faults,
    pub(super) most_polls: u64,
    pub(super) most_time: Duration,
    pub(super) tries: u32,
}

/// What was run, if no run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Summary {
    /// How many seeds were run.
    pub runs: u64,
    /// How many polls there were in all runs.
    pub polls: u64,
    /// What was outside of the simulation's control, as the maximum of any run.
    pub outside: Outside,
}

impl Simulation {
    /// A simulation of these seeds.
    pub fn new(seeds: Seeds) -> Self {
        Self {
            seeds,
            twice: false,
            settings: Settings {
                schedule: Schedule::default(),
                faults: Faults::none(),
                most_polls: 100_000,
                most_time: Duration::from_secs(24 * 60 * 60),
                tries: 200,
            },
        }
    }

    /// The rule by which it is chosen who is polled. The default is [`Schedule::Mixed`].
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.settings.schedule = schedule;
        self
    }

    /// What goes wrong, and how often. By default nothing does.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.settings.faults = faults;
        self
    }

    /// A run that has not ended after this many polls has failed, as its body may never end. The default is 100,000;
    /// with 0 each run fails. [`Sim::at_each_await`] counts separately for each of its runs, also the time.
    pub fn most_polls(mut self, polls: u64) -> Self {
        self.settings.most_polls = polls;
        self
    }

    /// A run that has not ended after this much virtual time has failed. The default is a day. With [`Duration::MAX`]
    /// there is no limit. Time never passes by more than a year at once: a timer that is further away does not count as
    /// set.
    pub fn most_time(mut self, time: Duration) -> Self {
        self.settings.most_time = time;
        self
    }

    /// How many times a failure is run again to shorten it. The default is 200; with 0 it is shown as it is, and what
    /// the body prints is that of the failing run alone.
    pub fn shortened_by(mut self, tries: u32) -> Self {
        self.settings.tries = tries;
        self
    }

    /// Runs each seed twice and fails if the runs differ: then something from outside, such as the order of a
    /// `HashMap`, has leaked in, and a seed would not replay its failure.
    pub fn twice(mut self) -> Self {
        self.twice = true;
        self
    }

    /// Runs it.
    ///
    /// # Panics
    ///
    /// If a run fails, with the whole report.
    #[track_caller]
    pub fn run<R: TaskOutput>(self, body: impl AsyncFn(Sim) -> R) -> Summary {
        match self.try_run(body) {
            Ok(summary) => summary,
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs it up to the first seed that fails.
    ///
    /// # Errors
    ///
    /// The failure; [`Finding::Refused`] if there are no seeds, if an environment variable is not a number, or if this
    /// is called on a tokio runtime or in a simulation.
    pub fn try_run<R: TaskOutput>(
        self,
        body: impl AsyncFn(Sim) -> R,
    ) -> Result<Summary, SimulationError> {
        if World::current().is_some() || Handle::try_current().is_ok() {
            let why = "the code here runs on a runtime already, and a simulation brings its own";
            return Err(SimulationError::refused(why));
        }
        let seeds = self.seeds.resolve().map_err(SimulationError::refused)?;
        self.run_all(seeds, &|sim| Box::pin(judged(&body, sim)))
    }

    /// Type-erased from here on, so that each test does not compile its own copy.
    fn run_all(self, seeds: Range<u64>, body: &Body<'_>) -> Result<Summary, SimulationError> {
        let mut summary = Summary::default();
        for seed in seeds {
            let run = self.run_seed(seed, body)?;
            summary.add(&run);
        }
        Ok(summary)
    }

    fn run_seed(&self, seed: u64, body: &Body<'_>) -> Result<Run, SimulationError> {
        let first = run(&self.settings, seed, Choices::of_seed(seed), body);
        if let Some(finding) = first.finding.clone() {
            return Err(self.explain(seed, finding, first, body));
        }
        if self.twice {
            let second = run(&self.settings, seed, Choices::of_seed(seed), body);
            if let Some(finding) = difference(&first, &second) {
                return Err(SimulationError::new(finding, seed, second));
            }
            if let Some(finding) = second.finding.clone() {
                let mut error = SimulationError::new(finding, seed, second);
                error.note("it did not fail the first time: something from outside has leaked in");
                return Err(error);
            }
        }
        Ok(first)
    }

    /// Makes the failure as plain as it can be.
    fn explain(&self, seed: u64, finding: Finding, run: Run, body: &Body<'_>) -> SimulationError {
        let choices = run.choices.clone();
        let mut error = SimulationError::new(finding.clone(), seed, run);
        if self.settings.tries == 0 {
            return error;
        }
        let shrink = Shrink {
            settings: &self.settings,
            seed,
            finding: &finding,
            body,
        };
        match shrink.shortest(&choices) {
            Some(shortest) => error.set_shortest(shortest),
            None => error.note(
                "it did not fail again with the same choices: something from outside has leaked in",
            ),
        }
        error
    }
}

impl Summary {
    fn add(&mut self, run: &Run) {
        self.runs += 1;
        self.polls += run.polls;
        let Outside {
            raw_tasks,
            foreign_wakes,
        } = run.outside;
        self.outside.raw_tasks = self.outside.raw_tasks.max(raw_tasks);
        self.outside.foreign_wakes = self.outside.foreign_wakes.max(foreign_wakes);
    }
}

/// The first event in which the two runs differ.
fn difference(first: &Run, second: &Run) -> Option<Finding> {
    let common = first.trace.iter().zip(&second.trace);
    let at = common.take_while(|(one, other)| one == other).count();
    let (first, second) = (first.trace.get(at), second.trace.get(at));
    (first.is_some() || second.is_some()).then(|| Finding::Differs {
        at,
        first: first.cloned(),
        second: second.cloned(),
    })
}
