//! A script says what a run of the model does. Its values print as the Rust code that makes them.

use std::fmt;

use tenure::{AutoShutdown, Restart, StopOrder, Strategy};

/// An index into the known nodes: 0 is the newest, and it wraps around.
pub type At = u8;

/// So many milliseconds.
pub type Millis = u16;

#[derive(Clone)]
pub struct Script {
    /// The seed of the order of events.
    pub order: u64,
    /// Whether the simulation delays polls and narrows mailboxes.
    pub faults: bool,
    pub steps: List,
    pub end: Order,
    /// The limit for the end of everything.
    pub within: Option<Millis>,
}

#[derive(Clone, Default)]
pub struct List(pub Vec<Step>);

#[derive(Clone, Debug)]
pub enum Step {
    /// Starts an actor beneath this node or another one. May wait for the start.
    Spawn {
        under: Option<At>,
        child: Child,
        wait: Option<Wait>,
    },
    /// Starts a task or a blocking job, and may wait for its end.
    Task {
        under: Option<At>,
        work: Work,
        body: List,
        contained: bool,
        wait: Option<Wait>,
    },
    Scope {
        held: Held,
        body: List,
    },
    Pipe {
        body: List,
    },
    Tell {
        to: At,
        wait: Wait,
        body: List,
    },
    Offer {
        to: At,
        body: List,
    },
    Permit {
        to: At,
        wait: Wait,
        hold: Millis,
        body: List,
    },
    /// With `strict`, an error of the ask is an error of the asker.
    Ask {
        to: At,
        wait: Wait,
        answer: Answer,
        strict: bool,
        body: List,
    },
    /// Answers all asks that are kept in the state.
    AnswerKept,
    /// Requests an end; without `wait`, nobody waits for it.
    End {
        of: At,
        order: Order,
        wait: Option<Wait>,
    },
    Stopped {
        of: At,
        wait: Wait,
        strict: bool,
    },
    Finish,
    DrainSelf,
    FinishIfEmpty,
    After {
        time: Millis,
        body: List,
    },
    Every {
        time: Millis,
        ticks: u8,
        body: List,
    },
    Items {
        items: u8,
        body: List,
    },
    Quiet {
        time: Millis,
    },
    Watch {
        of: At,
        body: List,
    },
    Cancelled {
        wait: Wait,
    },
    WhileCaller {
        body: List,
    },
    Sleep(Millis),
    Yield(u8),
    Fail,
    Panic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    Forever,
    EvenIfCyclic,
    Limit(Millis),
    /// The future is dropped after this many polls.
    GivenUp(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Plain,
    WithToken,
    Job,
}

/// What happens to the future of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Awaited,
    InState,
    Elsewhere,
    DroppedAfter(u8),
}

/// What happens to a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    AtOnce,
    AfterBody,
    Never,
    Kept,
    Forwarded(At),
    ByTask(Millis),
    ByTimer(Millis),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Stop,
    Drain,
    Kill,
}

/// What a destructor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drops {
    Quietly,
    Panicking,
    Telling(At),
    Ending(At, Order),
    Spawning,
}

#[derive(Clone)]
pub struct Child {
    pub name: Option<u8>,
    pub restart: Restart,
    pub strategy: Strategy,
    pub stop_order: StopOrder,
    pub auto_shutdown: AutoShutdown,
    pub significant: bool,
    pub contained: bool,
    /// It tolerates the failures of its children.
    pub tolerant: bool,
    pub room: Option<u8>,
    pub grace: Option<Millis>,
    pub backoff: Option<Millis>,
    pub on_start: List,
    pub on_drain: List,
    pub on_stop: List,
    pub drops: Drops,
}

impl Default for Child {
    fn default() -> Self {
        Self {
            name: None,
            restart: Restart::Never,
            strategy: Strategy::OneForOne,
            stop_order: StopOrder::Reverse,
            auto_shutdown: AutoShutdown::Never,
            significant: false,
            contained: false,
            tolerant: false,
            room: None,
            grace: None,
            backoff: None,
            on_start: List::default(),
            on_drain: List::default(),
            on_stop: List::default(),
            drops: Drops::Quietly,
        }
    }
}

/// How many steps there are, at all depths.
impl List {
    pub fn len(&self) -> usize {
        self.0.iter().map(|step| 1 + step.inner()).sum()
    }
}

impl Step {
    fn inner(&self) -> usize {
        match self {
            Self::Spawn { child, .. } => {
                child.on_start.len() + child.on_drain.len() + child.on_stop.len()
            }
            Self::Task { body, .. }
            | Self::Scope { body, .. }
            | Self::Pipe { body }
            | Self::Tell { body, .. }
            | Self::Offer { body, .. }
            | Self::Permit { body, .. }
            | Self::Ask { body, .. }
            | Self::After { body, .. }
            | Self::Every { body, .. }
            | Self::Items { body, .. }
            | Self::Watch { body, .. }
            | Self::WhileCaller { body } => body.len(),
            _ => 0,
        }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("list!")?;
        f.debug_list().entries(&self.0).finish()
    }
}

/// Prints only what differs from the default.
impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = Self::default();
        f.write_str("Child { ")?;
        macro_rules! show {
            ($($field:ident: $prefix:literal),*) => {$(
                if format!("{:?}", self.$field) != format!("{:?}", plain.$field) {
                    write!(f, concat!(stringify!($field), ": ", $prefix, "{:?}, "), self.$field)?;
                }
            )*};
        }
        show!(name: "", restart: "Restart::", strategy: "Strategy::", stop_order: "StopOrder::");
        show!(auto_shutdown: "AutoShutdown::", significant: "", contained: "", tolerant: "");
        show!(room: "", grace: "", backoff: "", on_start: "", on_drain: "", on_stop: "", drops: "");
        f.write_str("..Child::default() }")
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Script {{")?;
        writeln!(f, "    order: {},", self.order)?;
        writeln!(f, "    faults: {},", self.faults)?;
        writeln!(f, "    end: {:?},", self.end)?;
        writeln!(f, "    within: {:?},", self.within)?;
        writeln!(f, "    steps: list![")?;
        for step in &self.steps.0 {
            writeln!(f, "        {step:?},")?;
        }
        write!(f, "    ],\n}}")
    }
}

/// Prints a list of steps as Rust.
#[macro_export]
macro_rules! list {
    ($($step:expr),* $(,)?) => { $crate::script::List(vec![$($step),*]) };
}
