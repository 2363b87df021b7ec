//! A service that makes thumbnails, as one would write it: what it has accepted it does, whatever happens to it.
//!
//! The tree, in the order in which it starts; what starts first stops last:
//!
//! | node | what it is |
//! |---|---|
//! | `/root` | [`service::Service`]: owns all others |
//! | `/root/store` | [`store::Store`]: all jobs, in a redb database, with one commit for all who wait |
//! | `/root/dashboard` | what is alive, seen at `/tree` |
//! | `/root/workers` | a pool of threads that unpack and shrink images |
//! | `/root/jobs` | which jobs there are; owns a task for each that has not ended |
//! | `/root/http` | the server; owns each connection, each request, and the jobs that end with their client |

#![forbid(unsafe_code)]

pub mod job;
pub mod jobs;
mod picture;
/// The owner of all parts.
pub mod service;
/// Where it listens, and what it lets its clients do.
pub mod settings;
pub mod store;
mod web;
