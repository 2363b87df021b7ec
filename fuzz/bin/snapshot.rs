//! Snapshots that come from elsewhere.

#![cfg_attr(fuzzing, no_main)]

tenure_fuzz::target!(tenure_fuzz::snapshot::holds);
