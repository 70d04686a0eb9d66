//! Texts that cannot be used: what is wrong with them is named with its line, and nothing is connected to.

use crate::files::{check, check_text};
use crate::support::Project;

#[test]
fn text_is_utf_8() {
    check_text(
        b"\xFF\xFES\0E\0L\0E\0C\0T\0",
        r"
        migrations/0001_x.sql: the text is UTF-16
          save the file as UTF-8 text
          mend the files; nothing was run
    ",
    );
    check_text(
        b"\xFE\xFF\0S\0E\0L\0E\0C\0T",
        r"
        migrations/0001_x.sql: the text is UTF-16
          save the file as UTF-8 text
          mend the files; nothing was run
    ",
    );
    check_text(
        b"SELECT 1;\n-- caf\xE9\n",
        r"
        migrations/0001_x.sql:2: not UTF-8: byte 0xE9 (byte 16 of the file)
          save the file as UTF-8 text
          mend the files; nothing was run
    ",
    );
    check_text(
        b"SELECT 1;\n\nSELECT '\0';\n",
        r"
        migrations/0001_x.sql:3: a NUL byte (byte 19 of the file)
          save the file as UTF-8 text
          mend the files; nothing was run
    ",
    );
    check_text(
        b"\xEF\xBB\xBFSELECT 1;\n\xC3",
        r"
        migrations/0001_x.sql:2: not UTF-8: byte 0xC3 (byte 13 of the file)
          save the file as UTF-8 text
          mend the files; nothing was run
    ",
    );
}

#[test]
fn what_is_opened_must_be_closed() {
    check_text(
        "SELECT 1;\nSELECT 'it''s;\n",
        r"
        migrations/0001_x.sql:2: unterminated quoted string begins here
          close it; nothing of the file was run
          mend the files; nothing was run
    ",
    );
    check_text(
        "SELECT E'\\';\n",
        r"
        migrations/0001_x.sql:1: unterminated quoted string begins here
          close it; nothing of the file was run
          mend the files; nothing was run
    ",
    );
    check_text(
        "SELECT \"x;\n",
        r"
        migrations/0001_x.sql:1: unterminated quoted identifier begins here
          close it; nothing of the file was run
          mend the files; nothing was run
    ",
    );
    check_text(
        "SELECT 1;\n\nDO $body$ BEGIN END $$;\n",
        r"
        migrations/0001_x.sql:3: unterminated dollar-quoted string begins here
          close it; nothing of the file was run
          mend the files; nothing was run
    ",
    );
    check_text(
        "SELECT 1; /* a /* b */\n",
        r"
        migrations/0001_x.sql:1: unterminated /* comment begins here
          close it; nothing of the file was run
          mend the files; nothing was run
    ",
    );
}

#[test]
fn transactions_belong_to_the_runner() {
    check_text(
        "CREATE TABLE t (x int);\nCOMMIT;\n",
        r"
        migrations/0001_x.sql:2: COMMIT without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
          mend the files; nothing was run
    ",
    );
    check_text(
        "CREATE TABLE t (x int);\n\n  rollback work;\n",
        r"
        migrations/0001_x.sql:3: rollback work without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
          mend the files; nothing was run
    ",
    );
    check_text(
        "CREATE TABLE t (x int);\nEND;\n",
        r"
        migrations/0001_x.sql:2: END without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
          mend the files; nothing was run
    ",
    );
    check_text(
        "BEGIN;\nCREATE TABLE t (x int);\n",
        r"
        migrations/0001_x.sql:1: BEGIN without a COMMIT after it
          every file runs in a transaction that onward begins and commits: remove the statement
          mend the files; nothing was run
    ",
    );
    check_text(
        "START TRANSACTION;\nBEGIN;\nCOMMIT;\n",
        r"
        migrations/0001_x.sql:2: BEGIN inside a transaction that is open already
          every file runs in a transaction that onward begins and commits: remove the statement
          mend the files; nothing was run
    ",
    );
    check_text(
        "BEGIN;\nSELECT 1;\nROLLBACK;\n",
        r"
        migrations/0001_x.sql:3: ROLLBACK inside a migration would end its transaction
          every file runs in a transaction that onward begins and commits: remove the statement
          mend the files; nothing was run
    ",
    );
    check_text(
        "BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;\nCOMMIT;\n",
        r"
        migrations/0001_x.sql:3: COMMIT AND CHAIN inside a migration would end its transaction
          every file runs in a transaction that onward begins and commits: remove the statement
          mend the files; nothing was run
    ",
    );
    check_text(
        "SELECT 1;\nPREPARE TRANSACTION 'x';\n",
        r"
        migrations/0001_x.sql:2: PREPARE TRANSACTION 'x' without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
          mend the files; nothing was run
    ",
    );
}

#[test]
fn psql_alone_knows_its_commands() {
    check_text(
        "SELECT 1;\n\\i other.sql\n",
        r"
        migrations/0001_x.sql:2: \i includes another file, as only psql can
          put its statements here, or make that file a migration
          mend the files; nothing was run
    ",
    );
    check_text(
        "SELECT 1 \\gexec\n",
        r"
        migrations/0001_x.sql:1: \gexec works with the result of a query, as only psql can
          do the same in a DO block with EXECUTE
          mend the files; nothing was run
    ",
    );
    check_text(
        "\\set name value\n",
        r"
        migrations/0001_x.sql:1: \set sets a variable of psql, as only psql can
          write the value where it is used
          mend the files; nothing was run
    ",
    );
    check_text(
        "\\connect other\n",
        r"
        migrations/0001_x.sql:1: \connect connects elsewhere, as only psql can
          a migration runs in one database; use --url for another one
          mend the files; nothing was run
    ",
    );
}

#[test]
fn a_misspelt_directive_is_no_comment() {
    check_text(
        "-- onward: no-transactoin\nSELECT 1;\n",
        r#"
        migrations/0001_x.sql:1: unknown directive "no-transactoin"
          directives are: no-transaction, lock-timeout 30s, statement-timeout 1h; in the schema file also: baseline through VERSION, idempotent
          mend the files; nothing was run
    "#,
    );
    check_text(
        "-- Adds x\n-- onward: lock-timeout 30\nSELECT 1;\n",
        r"
        migrations/0001_x.sql:2: lock-timeout 30: not a length of time above 0: a whole number with its unit, like 500ms, 30s, 5min or 1h
          directives are: no-transaction, lock-timeout 30s, statement-timeout 1h; in the schema file also: baseline through VERSION, idempotent
          mend the files; nothing was run
    ",
    );
    check_text(
        "-- onward: baseline through 0001\nSELECT 1;\n",
        r#"
        migrations/0001_x.sql:1: the directive "baseline through 0001" belongs into the schema file
          directives are: no-transaction, lock-timeout 30s, statement-timeout 1h; in the schema file also: baseline through VERSION, idempotent
          mend the files; nothing was run
    "#,
    );
    check(
        &Project::new().schema("-- onward: baseline through latest\n"),
        r#"
        schema.sql:1: "latest" is not a version: the digits of a migration's name
          directives are: no-transaction, lock-timeout 30s, statement-timeout 1h; in the schema file also: baseline through VERSION, idempotent
          mend the files; nothing was run
    "#,
    );
}

#[test]
fn an_encoding_that_the_server_would_take_for_ours_is_refused() {
    check_text(
        "SET client_encoding = 'LATIN1';\nSELECT 1;\n",
        r"
        migrations/0001_x.sql:1: a client_encoding other than UTF8
          remove the statement, and save the file as UTF-8
          mend the files; nothing was run
    ",
    );
}

#[test]
fn the_schema_file_holds_only_what_runs_in_a_transaction() {
    let project =
        Project::new().schema("CREATE TABLE t (x int);\nCREATE INDEX CONCURRENTLY i ON t (x);\n");
    check(
        &project,
        r"
        schema.sql:2: CREATE INDEX CONCURRENTLY cannot run inside a transaction, and the schema file runs in one
          move the statement into a migration, or write it without what keeps it from a transaction
          mend the files; nothing was run
    ",
    );
}
