//! Prints the statements of a file as the splitter cuts them, each as kind, text and COPY data, for
//! `tests/differential/run --lex`. U+001F stands between the three, U+001E behind them.
#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::process::ExitCode;

use onward::sql::{Kind, split};

fn main() -> ExitCode {
    let path = std::env::args_os().nth(1).unwrap_or_default();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            println!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    let text = text.trim_start_matches('\u{feff}');
    let statements = match split(text, &mut |_token| {}) {
        Ok(statements) => statements,
        Err(error) => {
            println!("byte {}: {error}", error.offset);
            return ExitCode::FAILURE;
        }
    };
    for statement in statements {
        let (kind, data) = match statement.kind {
            Kind::Psql { .. } | Kind::PsqlInStatement { .. } => ("psql", ""),
            Kind::CopyFromStdin { data } => ("copy", data.of(text)),
            _ => ("sql", ""),
        };
        print!("{kind}\u{1f}{}\u{1f}{data}\u{1e}", statement.text(text));
    }
    ExitCode::SUCCESS
}
