//! The rules of the lifecycle, each file about one kind of behaviour.
//!
//! They are one program, because a program for each would take longer to link than to run. A test that needs a
//! process of its own (it counts allocations, raises signals, or fills all threads) is a file beside this folder.

#[path = "../common/mod.rs"]
mod common;

mod after_the_runtime;
mod asking_for_ends;
mod batches;
mod between_lives;
mod bounds;
mod cancelling;
mod causes;
mod child_or_start;
mod contained_ends;
mod cycles;
mod deadlines;
mod drain_order;
mod draining;
mod dropped;
mod dropped_scopes;
mod ending;
mod ends;
mod errors;
mod every_wait;
mod failing;
mod forwarded_asks;
mod gone_callers;
mod graces;
mod groups;
mod groups_as_roots;
mod handing_on;
mod hooks;
mod kept_errors;
mod kept_replies;
mod leaks;
mod letting_go;
mod lookup;
mod mailbox;
mod open_scopes;
mod overflow;
mod overlooked;
mod owners_waits;
mod parameters;
mod phases;
mod probes;
mod putting_aside;
mod regrouping;
mod replies;
mod restart_time;
mod restarting;
mod restarts_in_ends;
mod scope_bodies;
mod scope_ends;
mod scopes_polled_elsewhere;
mod shared_context;
mod shown;
mod snapshots;
mod starting;
mod stopping;
mod stopping_many;
mod streams;
mod system;
mod task_specs;
mod timers;
mod times;
mod turns;
mod unhandled;
mod unheard;
mod unseen_ends;
mod unusual_orders;
mod unyielding;
mod user_code;
mod waiting;
mod waits;
mod watching;
