//! The dashboard as its viewers see it: over real sockets, in real time.

mod client;
mod ends;
mod page;
mod viewers;
