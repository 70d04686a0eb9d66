//! What is asked about a statement has an answer, and the same one when the statement stands on its own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onward::sql::name::QualifiedName;
use onward::sql::target::{concurrent_index, copies_to_client, recorded_versions, targets};
use onward::sql::{Kind, LoneCommand, Statement, hazard, schema_names, setting, split};

fuzz_target!(|text: &str| {
    let names = schema_names(text);
    let Ok(statements) = split(text, &mut |_| {}) else {
        return;
    };
    let mut plain_strings = true;
    for statement in &statements {
        let answers = ask(text, statement);
        plain_strings &= !matches!(statement.kind, Kind::StandardConformingStrings(_));
        let own = &text[statement.start()..statement.after()];
        // Data behind a command of psql may be that of a COPY which it ends.
        let inside = matches!(statement.kind, Kind::PsqlInStatement { .. });
        if inside || (!plain_strings && own.contains('\\')) {
            continue;
        }
        let again = split(own, &mut |_| {}).expect("it was split before");
        assert_eq!(ask(own, &again[0]), answers, "{own:?}");
        if let Kind::Plain = statement.kind {
            check_schema(own, &names);
        }
    }
});

/// Everything that can be asked about a statement.
fn ask(text: &str, statement: &Statement) -> String {
    let history = QualifiedName {
        schema: "public".to_owned(),
        name: "t".to_owned(),
    };
    let index = concurrent_index(text, statement);
    let command = LoneCommand::CreateIndexConcurrently;
    assert!(index.is_none() || statement.kind == Kind::NotInTransaction(command));
    format!(
        "{:?} {:?} {:?} {} {} {:?}",
        hazard(text, statement),
        setting(text, statement),
        index,
        targets(text, statement, &history),
        copies_to_client(text, statement),
        recorded_versions(text, statement),
    )
}

/// The plainest way to name a schema is found wherever it stands.
fn check_schema(own: &str, names: &std::collections::BTreeSet<String>) {
    let Some(name) = own.strip_prefix("CREATE SCHEMA ") else {
        return;
    };
    let keyword = ["if", "not", "exists", "authorization"].contains(&name);
    if !keyword && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()) {
        assert!(names.contains(name), "{own:?} in {names:?}");
    }
}
