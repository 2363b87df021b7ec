//! Scripts to be run each time. Each of them is a case that is easily got wrong, by the crate or by the model.

use tenure::Restart;

use crate::list;
use crate::script::{
    Answer::*, Child, Drops, Held::*, Order::*, Script, Step, Step::*, Wait::*, Work::*,
};
use crate::simulated;

fn keeps_the_rules(order: u64, steps: Vec<Step>) {
    let script = Script {
        order,
        faults: false,
        end: Stop,
        within: None,
        steps: crate::script::List(steps),
    };
    if let Err(why) = simulated::run(&script) {
        panic!("{why}");
    }
}

/// A scope ends with its future, which its actor keeps. Whoever waits for the scope's end is told that it does not
/// yield.
#[test]
fn scope_in_a_state_is_told_to_end_by_itself() {
    let task = Task {
        under: None,
        work: Plain,
        body: list![],
        contained: false,
        wait: None,
    };
    let end = End {
        of: 2,
        order: Stop,
        wait: Some(Forever),
    };
    let body = list![
        Scope {
            held: InState,
            body: list![task]
        },
        Scope {
            held: Elsewhere,
            body: list![end]
        },
    ];
    let spawn = Spawn {
        under: None,
        child: Child::default(),
        wait: None,
    };
    let ask = Ask {
        to: 0,
        wait: Forever,
        answer: AtOnce,
        strict: false,
        body,
    };
    keeps_the_rules(0, vec![spawn, ask]);
}

/// An ask that is forwarded to its own caller is a cycle of one node.
#[test]
fn ask_is_handed_on_to_the_one_who_asks() {
    let spawn = || Spawn {
        under: None,
        child: Child::default(),
        wait: None,
    };
    let ask = Ask {
        to: 0,
        wait: Forever,
        answer: Forwarded(1),
        strict: false,
        body: list![],
    };
    let tell = Tell {
        to: 1,
        wait: Forever,
        body: list![ask],
    };
    keeps_the_rules(865_977, vec![spawn(), spawn(), Sleep(1), tell]);
}

/// The panic is settled by the restart that was decided on. No incarnation follows, because the drain has nothing to
/// handle. The code that panicked has no hooks.
#[test]
fn drain_comes_while_what_is_beneath_a_panic_ends() {
    let beneath = Spawn {
        under: None,
        child: Child {
            drops: Drops::Ending(1, Drain),
            ..Child::default()
        },
        wait: None,
    };
    let above = Spawn {
        under: None,
        child: Child {
            restart: Restart::OnFailure,
            ..Child::default()
        },
        wait: None,
    };
    let tell = Tell {
        to: 0,
        wait: Forever,
        body: list![beneath, Panic],
    };
    keeps_the_rules(0, vec![above, tell]);
}
