//! Addresses and queries of a dashboard.

#![cfg_attr(fuzzing, no_main)]

tenure_fuzz::target!(tenure_fuzz::dashboard::holds);
