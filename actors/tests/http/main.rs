//! What clients of the server do and do not do, and how both ends end.

mod bad_input;
mod client;
mod frames;
mod harness;
mod http2;
mod http2_faults;
mod http2_tasks;
mod lifecycle;
mod panics;
mod slow;
mod spans;
mod tls;
mod websocket;
