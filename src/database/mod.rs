//! The database: sessions, the history table, the run lock, and applying.
//!
//! The only room that names the crate `postgres` (beside `error`). All SQL of our own stands here, with the schema of
//! every object, function and operator, so that nothing in the `search_path` can run in its stead.

pub mod apply;
pub mod blockers;
pub mod conninfo;
pub mod contents;
mod demands;
mod dial;
pub mod foreign;
pub mod history;
mod owner;
pub mod patience;
pub mod run_lock;
pub mod session;
mod socket;
mod steps;
pub mod survey;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
pub mod tools;
mod trust;
