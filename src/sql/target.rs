//! Finds the statements whose target is one certain table: what creates, alters, drops, describes, grants or fills it.
//!
//! A runner keeps its history itself. Files written for another runner, and dumps, bring statements for a table of that
//! name; this module tells which.

use super::lexer::TokenKind;
use super::name::QualifiedName;
use super::quote;
use super::splitter::Statement;
use super::statement::{Head, Kind, LoneCommand, Word, folded};

/// Whether the target of a statement is `table`, one of its indexes, or the sequence of its column `id`.
///
/// The schema is absent or equal; names are folded to lower case unless they are quoted. A statement with several
/// targets is not meant: it cannot be left out.
///
/// ```
/// # use onward::sql::{name::QualifiedName, split, target::targets};
/// let text = "INSERT INTO Public.history VALUES (1); INSERT INTO other.history VALUES (1);";
/// let history = QualifiedName { schema: "public".to_owned(), name: "history".to_owned() };
/// let statements = split(text, &mut |_token| {})?;
/// let found: Vec<bool> = statements.iter().map(|it| targets(text, it, &history)).collect();
/// assert_eq!(found, [true, false]);
/// # Ok::<(), onward::sql::SyntaxError>(())
/// ```
#[must_use]
pub fn targets(text: &str, statement: &Statement, table: &QualifiedName) -> bool {
    if matches!(
        statement.kind,
        Kind::Psql { .. } | Kind::PsqlInStatement { .. }
    ) {
        return false;
    }
    let words: Vec<Word> = statement.words(text).take(FEW).collect();
    let at = |place: usize| words.get(place).copied().unwrap_or(Word::NONE);
    let verb = at(0);
    if verb.is("select") {
        return sets_sequence(&words, table);
    }
    let Some((place, what)) = object(&words) else {
        return false;
    };
    let Some((schema, name, after)) = name_at(&words, place) else {
        return false;
    };
    let several =
        verb.is_any(&["drop", "truncate", "grant", "revoke"]) && at(after).kind == TokenKind::Comma;
    let schema_fits = schema.is_none_or(|schema| schema == table.schema);
    let name_fits = match what {
        Object::Table => name == table.name,
        Object::Part => is_part(&name, &table.name),
        // COMMENT ON COLUMN [SCHEMA.]TABLE.COLUMN
        Object::Column => return column_of(&words, place, table),
    };
    schema_fits && name_fits && !several
}

/// The names in a statement that could be relations, quoted, `a.b` as one: everything that is a word.
#[must_use]
pub fn relations(text: &str, statement: &Statement) -> Vec<String> {
    let words: Vec<Word> = statement.words(text).take(FEW).collect();
    let mut names = Vec::new();
    let mut place = 0;
    while place < words.len() {
        let Some((schema, name, after)) = name_at(&words, place) else {
            place += 1;
            continue;
        };
        let schema = schema.map_or_else(String::new, |schema| {
            format!("{}.", quote::identifier(&schema))
        });
        names.push(schema + &quote::identifier(&name));
        place = after;
    }
    names.sort();
    names.dedup();
    names
}

/// Whether a statement is a `COPY … TO STDOUT`, which sends data to the client.
#[must_use]
pub fn copies_to_client(text: &str, statement: &Statement) -> bool {
    let mut words = statement.words(text);
    if !words.next().is_some_and(|word| word.is("copy")) {
        return false;
    }
    let mut words = words
        .filter(|word| word.depth == 0)
        .skip_while(|word| !word.is("to"));
    words.next().is_some()
        && words
            .next()
            .is_some_and(|word| word.is_any(&["stdout", "stdin"]))
}

/// The versions that the statements for a tracking table record: the first text of each row of an INSERT, or the first
/// column of COPY data.
#[must_use]
pub fn recorded_versions(text: &str, statement: &Statement) -> Vec<String> {
    if let Kind::CopyFromStdin { data } = statement.kind {
        let first = |line: &str| line.split('\t').next().unwrap_or(line).to_owned();
        return data.of(text).lines().map(first).collect();
    }
    if !Head::collect(statement.words(text)).at(0).is("insert") {
        return Vec::new();
    }
    let mut versions = Vec::new();
    let (mut values, mut opens_row) = (false, false);
    for word in statement.words(text) {
        values = values || word.is("values");
        if values && opens_row && matches!(word.kind, TokenKind::String | TokenKind::Number) {
            versions.push(word.inner().to_owned());
        }
        opens_row = word.kind == TokenKind::OpenParen && word.depth == 0;
    }
    versions
}

/// What a `CREATE INDEX CONCURRENTLY` builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcurrentIndex {
    /// The folded name; none if the server chooses it.
    pub name: Option<String>,
    /// The table as it is written.
    pub table: String,
}

/// The index that a statement builds concurrently, if it does.
#[must_use]
pub fn concurrent_index(text: &str, statement: &Statement) -> Option<ConcurrentIndex> {
    if statement.kind != Kind::NotInTransaction(LoneCommand::CreateIndexConcurrently) {
        return None;
    }
    let words: Vec<Word> = statement.words(text).take(FEW).collect();
    let concurrently = words.iter().position(|word| word.is("concurrently"))?;
    let on = words
        .iter()
        .position(|word| word.depth == 0 && word.is("on"))?;
    let before_on = words.get(concurrently + 1..on)?;
    let name = before_on.iter().rfind(|word| word.is_identifier());
    let name = name.filter(|_| !before_on.last().is_some_and(|word| word.is("exists")));
    let table = on + 1 + usize::from(words.get(on + 1)?.is("only"));
    let (_, _, after) = name_at(&words, table)?;
    let (first, last) = (words.get(table)?, words.get(after - 1)?);
    Some(ConcurrentIndex {
        name: name
            .and_then(|name| folded(name.text))
            .map(std::borrow::Cow::into_owned),
        table: text.get(first.start..last.end())?.to_owned(),
    })
}

/// More words than any statement needs to name its target, grants on many columns aside.
const FEW: usize = 64;

enum Object {
    Table,
    Column,
    /// An index or a sequence.
    Part,
}

/// Where the name of the target stands, and what it names.
fn object(words: &[Word]) -> Option<(usize, Object)> {
    let at = |place: usize| words.get(place).copied().unwrap_or(Word::NONE);
    let is = |place: usize, keyword: &str| at(place).is(keyword);
    let skip = |place: usize, keywords: &[&str]| {
        (place..words.len())
            .find(|&place| !at(place).is_any(keywords))
            .unwrap_or(words.len())
    };
    let quiet = ["if", "not", "exists", "only", "concurrently"];
    let verb = at(0);
    if verb.is("create") {
        let what = skip(1, &["unique", "unlogged", "global", "local"]);
        return match () {
            () if is(what, "table") => Some((skip(what + 1, &quiet), Object::Table)),
            () if is(what, "sequence") => Some((skip(what + 1, &quiet), Object::Part)),
            () if is(what, "index") => {
                let on = words
                    .iter()
                    .position(|word| word.depth == 0 && word.is("on"))?;
                Some((skip(on + 1, &quiet), Object::Table))
            }
            () => None,
        };
    }
    if verb.is_any(&["alter", "drop"]) {
        return match () {
            () if is(1, "table") => Some((skip(2, &quiet), Object::Table)),
            () if is(1, "index") || is(1, "sequence") => Some((skip(2, &quiet), Object::Part)),
            () => None,
        };
    }
    if verb.is("comment") {
        return match () {
            () if is(2, "table") => Some((3, Object::Table)),
            () if is(2, "column") => Some((3, Object::Column)),
            () if is(2, "index") || is(2, "sequence") => Some((3, Object::Part)),
            () => None,
        };
    }
    if verb.is_any(&["grant", "revoke"]) {
        let on = words
            .iter()
            .position(|word| word.depth == 0 && word.is("on"))?;
        return match () {
            () if is(on + 1, "sequence") => Some((on + 2, Object::Part)),
            () if is(on + 1, "table") => Some((on + 2, Object::Table)),
            () => Some((on + 1, Object::Table)),
        };
    }
    let place = match () {
        () if verb.is("insert") && is(1, "into") => 2,
        () if verb.is("delete") && is(1, "from") => skip(2, &["only"]),
        () if verb.is("update") => skip(1, &["only"]),
        () if verb.is("truncate") => skip(1, &["table", "only"]),
        () if verb.is("copy") => 1,
        () => return None,
    };
    Some((place, Object::Table))
}

/// The name `a` or `a.b` at a place, folded, and the place after it.
fn name_at(words: &[Word], place: usize) -> Option<(Option<String>, String, usize)> {
    let first = words.get(place).filter(|word| word.is_identifier())?;
    let dot = words
        .get(place + 1)
        .is_some_and(|word| word.kind == TokenKind::Dot);
    if !dot {
        return Some((None, folded(first.text)?.into_owned(), place + 1));
    }
    let second = words.get(place + 2).filter(|word| word.is_identifier())?;
    Some((
        Some(folded(first.text)?.into_owned()),
        folded(second.text)?.into_owned(),
        place + 3,
    ))
}

fn column_of(words: &[Word], place: usize, table: &QualifiedName) -> bool {
    match name_at(words, place) {
        Some((Some(first), second, after)) => {
            let three = words
                .get(after)
                .is_some_and(|word| word.kind == TokenKind::Dot);
            if three {
                first == table.schema && second == table.name
            } else {
                first == table.name
            }
        }
        _ => false,
    }
}

/// `SELECT [pg_catalog.]setval('[SCHEMA.]TABLE_id_seq', …)`, as pg_dump writes it.
fn sets_sequence(words: &[Word], table: &QualifiedName) -> bool {
    let Some(call) = words.iter().position(|word| word.names("setval")) else {
        return false;
    };
    let Some(text) = words
        .get(call + 2)
        .filter(|word| word.kind == TokenKind::String)
    else {
        return false;
    };
    let name = text.inner();
    let (schema, name) = name
        .rsplit_once('.')
        .map_or((None, name), |(schema, name)| (Some(schema), name));
    let bare = |name: &str| name.trim_matches('"').to_owned();
    schema.is_none_or(|schema| bare(schema) == table.schema) && is_part(&bare(name), &table.name)
}

/// The names that PostgreSQL gives to the sequence and the indexes of a table.
fn is_part(name: &str, table: &str) -> bool {
    name.strip_prefix(table).is_some_and(|rest| {
        rest.starts_with('_')
            && ["_seq", "_pkey", "_key", "_idx"]
                .iter()
                .any(|ending| rest.ends_with(ending))
    })
}

#[cfg(test)]
mod tests {
    use super::super::split;
    use super::*;

    fn check(text: &str, expected: bool) {
        let table = QualifiedName {
            schema: "public".to_owned(),
            name: "schema_migrations".to_owned(),
        };
        let statements = split(text, &mut |_| {}).unwrap();
        assert_eq!(targets(text, &statements[0], &table), expected, "{text:?}");
    }

    #[test]
    fn what_a_runner_of_its_own_would_do_to_its_table_is_found() {
        for text in [
            "CREATE TABLE IF NOT EXISTS schema_migrations (version text)",
            "CREATE TABLE public.SCHEMA_MIGRATIONS (version text)",
            "create unlogged table \"schema_migrations\" ()",
            "ALTER TABLE ONLY public.schema_migrations ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)",
            "ALTER TABLE IF EXISTS schema_migrations OWNER TO app",
            "DROP TABLE IF EXISTS schema_migrations CASCADE",
            "COMMENT ON TABLE schema_migrations IS 'x'",
            "COMMENT ON COLUMN public.schema_migrations.version IS 'x'",
            "COMMENT ON COLUMN schema_migrations.version IS 'x'",
            "GRANT SELECT, INSERT ON TABLE public.schema_migrations TO app",
            "REVOKE ALL ON schema_migrations FROM PUBLIC",
            "INSERT INTO schema_migrations (version) VALUES ('1') ON CONFLICT DO NOTHING",
            "UPDATE ONLY public.schema_migrations SET version = 1",
            "DELETE FROM schema_migrations",
            "TRUNCATE TABLE schema_migrations",
            "COPY public.schema_migrations (version) FROM stdin;\n1\n\\.\n",
            "CREATE UNIQUE INDEX IF NOT EXISTS x ON public.schema_migrations USING btree (version)",
            "CREATE SEQUENCE public.schema_migrations_id_seq AS integer",
            "ALTER SEQUENCE schema_migrations_id_seq OWNED BY schema_migrations.id",
            "DROP INDEX schema_migrations_version_idx",
            "GRANT USAGE ON SEQUENCE schema_migrations_id_seq TO app",
            "SELECT pg_catalog.setval('public.schema_migrations_id_seq', 7, true)",
        ] {
            check(text, true);
        }
    }

    #[test]
    fn other_tables_are_left_in_peace() {
        for text in [
            "CREATE TABLE other.schema_migrations (version text)",
            "CREATE TABLE \"Schema_Migrations\" ()",
            "CREATE TABLE schema_migrations_archive ()",
            "CREATE VIEW v AS SELECT * FROM schema_migrations",
            "CREATE TABLE x AS SELECT * FROM schema_migrations",
            "INSERT INTO x SELECT * FROM schema_migrations",
            "DROP TABLE schema_migrations, users",
            "SELECT * FROM schema_migrations",
            "SELECT setval('users_id_seq', 1)",
            "DO $$ BEGIN DELETE FROM schema_migrations; END $$",
            "COMMENT ON COLUMN users.schema_migrations IS 'x'",
            "CREATE INDEX schema_migrations_idx ON users (id)",
            "ALTER TABLE users RENAME TO schema_migrations",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn a_concurrent_index_is_known_by_name_and_table() {
        let index = |text: &str| {
            let statements = split(text, &mut |_| {}).unwrap();
            concurrent_index(text, &statements[0]).map(|index| (index.name, index.table))
        };
        let named = |name: &str, table: &str| Some((Some(name.to_owned()), table.to_owned()));
        assert_eq!(
            index("CREATE INDEX CONCURRENTLY a ON t (x)"),
            named("a", "t")
        );
        assert_eq!(
            index(
                "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"A b\" ON ONLY s.\"T\" USING btree (x)"
            ),
            named("A b", "s.\"T\"")
        );
        assert_eq!(
            index("CREATE INDEX CONCURRENTLY ON t (x)"),
            Some((None, "t".to_owned()))
        );
        assert_eq!(index("CREATE INDEX a ON t (x)"), None);
        assert_eq!(index("DROP INDEX CONCURRENTLY a"), None);
    }

    #[test]
    fn every_word_could_be_a_relation() {
        let text = "ALTER TABLE app.Users ADD \"X\" int";
        let statements = split(text, &mut |_| {}).unwrap();
        let expected = [
            "\"X\"",
            "\"add\"",
            "\"alter\"",
            "\"app\".\"users\"",
            "\"int\"",
            "\"table\"",
        ];
        assert_eq!(relations(text, &statements[0]), expected);
    }

    #[test]
    fn the_versions_of_a_dump_are_read() {
        let versions = |text: &str| {
            let statements = split(text, &mut |_| {}).unwrap();
            recorded_versions(text, &statements[0])
        };
        let dbmate = "INSERT INTO public.schema_migrations (version) VALUES\n    ('20240101'),\n    ('20240102');";
        assert_eq!(versions(dbmate), ["20240101", "20240102"]);
        assert_eq!(
            versions("COPY schema_migrations (version) FROM stdin;\n1\n2\n\\.\n"),
            ["1", "2"]
        );
        assert_eq!(
            versions("INSERT INTO m (id, name) VALUES (1, '0001'), (2, '0002')"),
            ["1", "2"]
        );
        assert!(versions("CREATE TABLE schema_migrations ()").is_empty());
    }
}
