//! Makes a failing run shorter and plainer.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

use super::choices::Choices;
use super::report::Finding;
use super::run::{Body, Run, run};
use super::simulation::Settings;

/// How many polls all attempts to shorten a run may take together.
const MOST_POLLS: u64 = 1_000_000;

/// What is needed to shorten a failure.
pub(super) struct Shrink<'a, 'b> {
    pub(super) settings: &'a Settings,
    pub(super) seed: u64,
    pub(super) finding: &'a Finding,
    pub(super) body: &'a Body<'b>,
}

impl Shrink<'_, '_> {
    /// The plainest run found that fails in the same way; `None` if the same choices do not fail again.
    pub(super) fn shortest(&self, choices: &[u32]) -> Option<Run> {
        let _silence = Silence::begin();
        let mut tries = self.settings.tries;
        let mut polls = 0;
        let mut best = self.fails_with(choices.to_vec())?;
        let mut attempt = |list: Vec<u32>, best: &mut Run| {
            if tries == 0 || polls > MOST_POLLS || list == best.choices {
                return false;
            }
            tries -= 1;
            let Some(run) = self.fails_with(list) else {
                // Its cost is not known, but a run that does not fail is about as long.
                polls += best.polls;
                return false;
            };
            polls += run.polls;
            let is_better = plainness(&run) < plainness(best);
            if is_better {
                *best = run;
            }
            is_better
        };
        cut_the_end(&mut best, &mut attempt);
        make_plain(&mut best, &mut attempt);
        Some(best)
    }

    fn fails_with(&self, choices: Vec<u32>) -> Option<Run> {
        let run = run(self.settings, self.seed, Choices::noted(choices), self.body);
        let fails = run
            .finding
            .as_ref()
            .is_some_and(|finding| finding.is_like(self.finding));
        fails.then_some(run)
    }
}

/// The number of choices that are not the plainest, and of polls. Less is plainer.
fn plainness(run: &Run) -> (usize, u64) {
    (run.departures(), run.polls)
}

/// Tries first come, first served from some point on.
fn cut_the_end(best: &mut Run, attempt: &mut impl FnMut(Vec<u32>, &mut Run) -> bool) {
    let mut keep = 0;
    loop {
        let len = best.choices.len();
        if keep >= len {
            return;
        }
        if attempt(best.choices[..keep].to_vec(), best) {
            return;
        }
        keep += (len - keep).div_ceil(2);
    }
}

/// Tries to make the choices plain in pieces, from large ones down to single choices.
fn make_plain(best: &mut Run, attempt: &mut impl FnMut(Vec<u32>, &mut Run) -> bool) {
    let mut piece = best.choices.len().div_ceil(2).max(1);
    loop {
        let mut from = 0;
        while from < best.choices.len() {
            let to = (from + piece).min(best.choices.len());
            let mut list = best.choices.clone();
            if list[from..to].iter().any(|choice| *choice != 0) {
                list[from..to].fill(0);
                attempt(list, best);
            }
            from = to;
        }
        if piece == 1 {
            return;
        }
        piece = piece.div_ceil(2);
    }
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Suppresses the output of panics while a failure is shortened.
struct Silence;

impl Silence {
    fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !IS_QUIET.try_with(Cell::get).unwrap_or(false) {
                    before(info);
                }
            }));
        });
        IS_QUIET.set(true);
        Self
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        IS_QUIET.set(false);
    }
}
