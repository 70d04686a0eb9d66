//! The commands of psql in a file: which do no harm if they are skipped, and what to do about the others. Pure.

use crate::sql::splitter::Statement;
use crate::sql::statement::Kind;

/// The name of a command that may be skipped.
///
/// # Errors
/// What is wrong with the command, and what to do instead.
pub(super) fn skip<'t>(
    text: &'t str,
    statement: &Statement,
) -> Result<&'t str, (String, &'static str)> {
    let words = statement.text(text);
    let mut parts = words.split_whitespace();
    let command = parts.next().unwrap_or(words);
    let inside = matches!(statement.kind, Kind::PsqlInStatement { .. });
    let argument = parts.next().unwrap_or_default();
    // psql would go on behind it: with another command, or with SQL.
    if words[1..].contains('\\') {
        return Err((
            format!("{command} with a backslash behind it"),
            "give each command of psql a line of its own",
        ));
    }
    let harmless = match command {
        "\\restrict" | "\\unrestrict" | "\\echo" | "\\qecho" | "\\warn" | "\\timing" | "\\pset"
        | "\\x" | "\\a" | "\\t" => true,
        "\\set" => VARIABLES.contains(&argument),
        "\\encoding" => matches!(
            argument.to_ascii_uppercase().as_str(),
            "UTF8" | "UTF-8" | "UNICODE"
        ),
        _ => false,
    };
    if harmless && !inside {
        return Ok(command);
    }
    let (what, hint) = match command {
        "\\i" | "\\ir" | "\\include" | "\\include_relative" => (
            "includes another file",
            "put its statements here, or make that file a migration",
        ),
        "\\c" | "\\connect" => (
            "connects elsewhere",
            "a migration runs in one database; use --url for another one",
        ),
        "\\copy" => (
            "reads a file on the client",
            "use COPY ... FROM stdin with the data below it, or INSERT",
        ),
        "\\gexec" | "\\g" | "\\gx" | "\\gset" | "\\gdesc" => (
            "works with the result of a query",
            "do the same in a DO block with EXECUTE",
        ),
        "\\if" | "\\elif" | "\\else" | "\\endif" => ("is a condition", "decide in a DO block"),
        "\\set" => (
            "sets a variable of psql",
            "write the value where it is used",
        ),
        "\\encoding" => ("sets an encoding other than UTF8", "save the file as UTF-8"),
        "\\!" => ("runs a program", "run it from the script that calls onward"),
        _ if inside => return Err((format!("{command} of psql inside a statement"), SQL_ONLY)),
        _ => ("is a command of psql, not SQL", SQL_ONLY),
    };
    let message = if what.ends_with("SQL") {
        format!("{command} {what}")
    } else {
        format!("{command} {what}, as only psql can")
    };
    Err((message, hint))
}

const SQL_ONLY: &str = "only psql knows its backslash commands: write plain SQL instead";

/// Variables of psql that change how it prints or stops, and nothing of what the statements do.
const VARIABLES: [&str; 11] = [
    "ON_ERROR_STOP",
    "ECHO",
    "ECHO_HIDDEN",
    "QUIET",
    "VERBOSITY",
    "SHOW_CONTEXT",
    "HISTFILE",
    "HISTCONTROL",
    "HISTSIZE",
    "PROMPT1",
    "PROMPT2",
];
