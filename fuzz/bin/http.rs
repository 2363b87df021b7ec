//! Bytes on a connection.

#![cfg_attr(fuzzing, no_main)]

tenure_fuzz::target!(tenure_fuzz::http::holds);
