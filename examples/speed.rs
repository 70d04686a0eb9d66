//! Measures how fast `split` reads a mix of realistic SQL.
#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::fmt::Write as _;
use std::time::Instant;

use onward::sql::split;

fn main() {
    let text = mixed_sql(50_000_000);
    let mut best = f64::MAX;
    let mut counts = (0, 0);
    for _ in 0..5 {
        let mut sum = 0_u64;
        let mut tokens = 0_usize;
        let begun = Instant::now();
        let statements = split(&text, &mut |token| {
            tokens += 1;
            sum = sum.wrapping_add(token.len() as u64);
        })
        .map_or(0, |statements| statements.len());
        best = best.min(begun.elapsed().as_secs_f64());
        counts = (
            statements,
            std::hint::black_box(tokens) + usize::from(sum == 0),
        );
    }
    let megabytes = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX)) / 1e6;
    println!(
        "{megabytes:.1} MB, {} statements, {} tokens: {:.0} MB/s (best of 5)",
        counts.0,
        counts.1,
        megabytes / best
    );
}

/// Tables, functions, inserts, comments and COPY data, as migrations and
/// dumps have them.
fn mixed_sql(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 4096);
    let mut i = 0_u32;
    while text.len() < bytes {
        i += 1;
        let _ = writeln!(
            text,
            "-- Table {i}: accounts of a tenant, one row each\n\
             CREATE TABLE IF NOT EXISTS app.accounts_{i} (\n    \
                 id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n    \
                 email text NOT NULL CHECK (email LIKE '%@%'),\n    \
                 balance numeric(12, 2) NOT NULL DEFAULT 0.00,\n    \
                 created_at timestamptz NOT NULL DEFAULT now()\n);\n\
             CREATE INDEX IF NOT EXISTS accounts_{i}_email ON app.accounts_{i} (lower(email));\n\
             /* The function keeps updated_at honest. */\n\
             CREATE OR REPLACE FUNCTION app.touch_{i}() RETURNS trigger LANGUAGE plpgsql AS $body$\n\
             BEGIN\n    NEW.updated_at := now();\n    IF NEW.balance < 0 THEN\n        \
                 RAISE EXCEPTION 'balance of % must not be negative', NEW.id;\n    END IF;\n    \
                 RETURN NEW;\nEND;\n$body$;\n\
             ALTER TABLE app.accounts_{i} ADD CONSTRAINT accounts_{i}_ck CHECK (balance >= 0) NOT VALID;"
        );
        for row in 0..8 {
            let _ = writeln!(
                text,
                "INSERT INTO app.accounts_{i} (email, balance) VALUES \
                 ('user{row}@example.com', {row}.50), ('o''hara{row}@example.org', -{row}) \
                 ON CONFLICT DO NOTHING;"
            );
        }
        if i.is_multiple_of(4) {
            let _ = writeln!(text, "COPY app.events_{i} (id, kind, payload) FROM stdin;");
            for row in 0..10 {
                let _ = writeln!(
                    text,
                    "{row}\tlogin\t{{\"user\": {row}, \"name\": \"it's\"}}"
                );
            }
            text.push_str("\\.\n\n");
        }
    }
    text
}
