//! `onward` brings a PostgreSQL database to the schema that a release needs.
//!
//! This library is the program without its `main`; see ARCHITECTURE.md for the map. An embedding program may use
//! [`cli::parse`], [`settings::Settings::resolve`], [`report::Report`] and [`command::run`], as `main.rs` does.

pub mod cli;
pub mod command;
pub mod database;
pub mod error;
pub mod migration;
pub mod plan;
pub mod program;
pub mod report;
pub mod settings;
pub mod sql;
pub mod time;
pub mod timeout;
