//! Names and paths.

#![cfg_attr(fuzzing, no_main)]

tenure_fuzz::target!(tenure_fuzz::names::holds);
