//! Finds what an idempotent schema file must not hold: statements that would
//! silently change or duplicate the data of a database that already has its
//! objects, or add structure once more under a new name.
//!
//! A statement that fails by itself if its object exists is no hazard, and
//! neither is the definition of a function, rule, trigger or view: it acts
//! only later. What a function does when it is called cannot be seen here.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use super::lexer::TokenKind;
use super::splitter::{Statement, split};
use super::statement::{Head, Kind, Word, folded};

/// What running a statement again would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hazard {
    /// `INSERT` without `ON CONFLICT` or `NOT EXISTS`.
    Insert,
    /// `UPDATE`, also inside `WITH`.
    Update,
    /// `DELETE`, also inside `WITH`.
    Delete,
    /// `MERGE`, also inside `WITH`.
    Merge,
    /// `TRUNCATE`
    Truncate,
    /// `COPY … FROM`
    Copy,
    /// A call of `setval`.
    Setval,
    /// `RESTART` of a sequence or identity column.
    Restart,
    /// `CALL`
    Call,
    /// `DROP` of what holds data, named as the statement names it.
    Drop(&'static str),
    /// `ALTER TABLE … DROP COLUMN`
    DropColumn,
    /// `DROP … CASCADE`
    DropCascade,
    /// `ALTER … DROP … CASCADE`
    AlterCascade,
    /// `CREATE INDEX` without a name: each run would add one more.
    UnnamedIndex,
    /// `ADD CHECK`, `UNIQUE`, … without a name: each run would add one more.
    UnnamedConstraint,
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insert => "INSERT without ON CONFLICT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Merge => "MERGE",
            Self::Truncate => "TRUNCATE",
            Self::Copy => "COPY … FROM",
            Self::Setval => "setval",
            Self::Restart => "RESTART of a sequence",
            Self::Call => "CALL",
            Self::Drop(words) => words,
            Self::DropColumn => "ALTER TABLE … DROP COLUMN",
            Self::DropCascade => "DROP … CASCADE",
            Self::AlterCascade => "ALTER … DROP … CASCADE",
            Self::UnnamedIndex => "an index without a name",
            Self::UnnamedConstraint => "a constraint without a name",
        })
    }
}

/// The first thing in a statement of `text` that is not safe to run against a
/// database that already has the objects of the schema file.
///
/// ```
/// # use onward::sql::{Hazard, hazard, split};
/// let text = "CREATE TABLE IF NOT EXISTS a (b int); INSERT INTO a VALUES (1);";
/// let statements = split(text, &mut |_token| {})?;
/// let found: Vec<_> = statements.iter().map(|statement| hazard(text, statement)).collect();
/// assert_eq!(found, [None, Some(Hazard::Insert)]);
/// # Ok::<(), onward::sql::SyntaxError>(())
/// ```
#[must_use]
pub fn hazard(text: &str, statement: &Statement) -> Option<Hazard> {
    let head = Head::collect(statement.words(text));
    let verb = head.at(0);
    match statement.kind {
        Kind::CopyFromStdin { .. } => return Some(Hazard::Copy),
        Kind::Call => return Some(Hazard::Call),
        Kind::Psql { .. } | Kind::PsqlInStatement { .. } => return None,
        _ => {}
    }
    if verb.is("drop") {
        drop_hazard(&head, statement.words(text))
    } else if verb.is("alter") {
        alter_hazard(&head, &statement.words(text).collect::<Vec<_>>())
    } else if verb.is("create") {
        unnamed_index(&head).then_some(Hazard::UnnamedIndex)
    } else if verb.is("truncate") {
        Some(Hazard::Truncate)
    } else if verb.is("copy") && copies_from(statement.words(text)) {
        Some(Hazard::Copy)
    } else if runs_queries(&head) {
        Queries::default().hazard(statement.words(text))
    } else {
        None
    }
}

fn copies_from<'t>(words: impl Iterator<Item = Word<'t>>) -> bool {
    words
        .filter(|word| word.depth == 0)
        .any(|word| word.is("from"))
}

/// Whether a statement runs the queries that it holds. A prepared statement
/// counts: it is prepared to be run.
fn runs_queries(head: &Head<'_>) -> bool {
    let verb = head.at(0);
    verb.kind == TokenKind::OpenParen
        || verb.is_any(&[
            "select", "with", "values", "insert", "update", "delete", "merge", "copy", "explain",
            "prepare",
        ])
}

fn unnamed_index(head: &Head<'_>) -> bool {
    let unique = usize::from(head.at(1).is("unique"));
    let concurrently = usize::from(head.at(2 + unique).is("concurrently"));
    head.at(1 + unique).is("index") && head.at(2 + unique + concurrently).is("on")
}

fn drop_hazard<'t>(head: &Head<'_>, mut words: impl Iterator<Item = Word<'t>>) -> Option<Hazard> {
    let object = head.at(1);
    let of_data = [
        ("table", "DROP TABLE"),
        ("schema", "DROP SCHEMA"),
        ("sequence", "DROP SEQUENCE"),
        ("database", "DROP DATABASE"),
        ("owned", "DROP OWNED"),
    ];
    let drop = of_data.iter().find(|(word, _)| object.is(word));
    match drop {
        Some((_, words)) => Some(Hazard::Drop(words)),
        None => words
            .any(|word| word.depth == 0 && word.is("cascade"))
            .then_some(Hazard::DropCascade),
    }
}

fn alter_hazard(head: &Head<'_>, words: &[Word<'_>]) -> Option<Hazard> {
    let object = head.at(1);
    if object.is("default") {
        // ALTER DEFAULT PRIVILEGES … REVOKE … CASCADE
        return None;
    }
    if object.is("sequence") {
        return outside(words)
            .any(|word| word.is("restart"))
            .then_some(Hazard::Restart);
    }
    let foreign = usize::from(object.is("foreign"));
    let object = head.at(1 + foreign);
    if object.is_any(&["table", "domain"]) {
        let actions = actions(words.get(2 + foreign..).unwrap_or_default());
        let table = object.is("table");
        for action in separate_actions(actions) {
            if let Some(found) = action_hazard(&action, table) {
                return Some(found);
            }
        }
    }
    alter_cascades(words).then_some(Hazard::AlterCascade)
}

/// What follows the name in `[IF EXISTS] [ONLY] name [*] action, …`.
fn actions<'s, 't>(words: &'s [Word<'t>]) -> &'s [Word<'t>] {
    let mut rest = words;
    if let [first, second, after @ ..] = rest
        && first.is("if")
        && second.is("exists")
    {
        rest = after;
    }
    if let [first, after @ ..] = rest
        && first.is("only")
    {
        rest = after;
    }
    while let [_, dot, after @ ..] = rest
        && dot.kind == TokenKind::Dot
    {
        rest = after;
    }
    rest = rest.get(1..).unwrap_or_default();
    match rest {
        [star, after @ ..] if star.text == "*" => after,
        _ => rest,
    }
}

/// The actions of an `ALTER`, which commas separate.
fn separate_actions<'s, 't>(words: &'s [Word<'t>]) -> impl Iterator<Item = Vec<Word<'t>>> + 's {
    words
        .split(|word| word.depth == 0 && word.kind == TokenKind::Comma)
        .map(|action| outside(action).collect())
}

/// The words that stand in no parentheses.
fn outside<'s, 't>(words: &'s [Word<'t>]) -> impl Iterator<Item = Word<'t>> + 's {
    words.iter().filter(|word| word.depth == 0).copied()
}

/// One action of `ALTER TABLE` or `ALTER DOMAIN`, without what stands inside
/// parentheses.
fn action_hazard(action: &[Word<'_>], of_table: bool) -> Option<Hazard> {
    let at = |place: usize| action.get(place).copied().unwrap_or(Word::NONE);
    let constraint = match at(1) {
        // The index gives its name to the constraint.
        word if word.is("unique") => !at(2).is("using"),
        word if word.is("primary") => !at(3).is("using"),
        word if word.is("exclude") => at(2).text == "(" || at(2).is("using"),
        word => word.is_any(&["check", "foreign"]),
    };
    if at(0).is("add") && constraint {
        Some(Hazard::UnnamedConstraint)
    } else if !of_table {
        None
    } else if at(0).is("drop") && !at(1).is("constraint") {
        Some(Hazard::DropColumn)
    } else if at(0).is("alter") && action.iter().skip(2).any(|word| word.is("restart")) {
        Some(Hazard::Restart)
    } else {
        None
    }
}

/// CASCADE that belongs to a DROP, not to `ON DELETE` or `ON UPDATE`.
fn alter_cascades(words: &[Word<'_>]) -> bool {
    let drops = outside(words).any(|word| word.is("drop"));
    drops
        && words.windows(2).any(|pair| match pair {
            [before, word] => {
                word.depth == 0 && word.is("cascade") && !before.is_any(&["delete", "update"])
            }
            _ => false,
        })
}

/// An `INSERT` whose end has not been seen yet.
struct OpenInsert {
    depth: usize,
    guarded: bool,
}

/// Looks for data-modifying queries inside a statement, one pass.
#[derive(Default)]
struct Queries {
    inserts: Vec<OpenInsert>,
    /// `NOT EXISTS` was seen; in a WITH it may guard the INSERT behind it.
    not_exists: bool,
}

impl Queries {
    fn hazard<'t>(mut self, words: impl Iterator<Item = Word<'t>>) -> Option<Hazard> {
        let mut before = Word::NONE;
        let mut prepared = false;
        let mut words = words.peekable();
        let mut first = true;
        while let Some(word) = words.next() {
            let after = words.peek().copied().unwrap_or(Word::NONE);
            prepared |= first && word.is("prepare");
            let begins = first
                || matches!(before.kind, TokenKind::OpenParen | TokenKind::CloseParen)
                || before.is_any(&["analyze", "analyse", "verbose"])
                || (prepared && before.is("as"));
            if let Some(found) = self.word(&word, &after, begins) {
                return Some(found);
            }
            before = word;
            first = false;
        }
        self.close(0)
    }

    fn word(&mut self, word: &Word<'_>, after: &Word<'_>, begins: bool) -> Option<Hazard> {
        match word.kind {
            TokenKind::CloseParen => return self.close(word.depth + 1),
            TokenKind::Word | TokenKind::QuotedIdentifier => {}
            _ => return None,
        }
        if begins && let Some(found) = self.verb(word, after) {
            return Some(found);
        }
        if after.kind == TokenKind::OpenParen && word.names("setval") {
            return Some(Hazard::Setval);
        }
        if word.is("on") && after.is("conflict") {
            self.guard(|insert| insert.depth == word.depth);
        } else if word.is("not") && after.is("exists") {
            self.not_exists = true;
            self.guard(|_| true);
        }
        None
    }

    /// A keyword where a query can begin. All four are allowed as names too.
    fn verb(&mut self, word: &Word<'_>, after: &Word<'_>) -> Option<Hazard> {
        if word.is("update") && after.is_identifier() {
            Some(Hazard::Update)
        } else if word.is("delete") && after.is("from") {
            Some(Hazard::Delete)
        } else if word.is("merge") && after.is("into") {
            Some(Hazard::Merge)
        } else {
            if word.is("insert") && after.is("into") {
                self.inserts.push(OpenInsert {
                    depth: word.depth,
                    guarded: word.depth == 0 && self.not_exists,
                });
            }
            None
        }
    }

    /// The innermost INSERT is safe to repeat, if it is the one meant.
    fn guard(&mut self, meant: impl Fn(&OpenInsert) -> bool) {
        if let Some(insert) = self.inserts.last_mut().filter(|insert| meant(insert)) {
            insert.guarded = true;
        }
    }

    /// The queries at `depth` and deeper have ended.
    fn close(&mut self, depth: usize) -> Option<Hazard> {
        while let Some(insert) = self.inserts.pop_if(|insert| insert.depth >= depth) {
            if !insert.guarded {
                return Some(Hazard::Insert);
            }
        }
        None
    }
}

/// Where the search for schema names is within a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    Nothing,
    /// After `CREATE`.
    Create,
    /// After `CREATE SCHEMA` or `SET SCHEMA`.
    Schema,
    /// After `search_path`, before its `=` or `TO`.
    Path,
    /// Where an item of a search path stands.
    Item,
    /// After an item of a search path.
    AfterItem,
    /// After `'search_path'`, before the value in `set_config`.
    Config,
}

/// The names in a text that may be those of schemas, folded as the server
/// folds them.
///
/// A superset: what stands before any dot is in it, so tables and aliases are
/// too. Names inside strings, such as function bodies, are not, except for
/// those of a search path.
///
/// ```
/// # use onward::sql::schema_names;
/// let names = schema_names("CREATE SCHEMA App; CREATE TABLE \"Other\".t ();");
/// assert_eq!(names.into_iter().collect::<Vec<_>>(), ["Other", "app"]);
/// ```
#[must_use]
pub fn schema_names(text: &str) -> BTreeSet<String> {
    let mut names = Names {
        found: BTreeSet::new(),
        naming: Naming::Nothing,
        before: "",
    };
    // What comes before a syntax error still counts.
    let _whole = split(text, &mut |token| names.token(token)).is_ok();
    names.found
}

struct Names<'t> {
    found: BTreeSet<String>,
    naming: Naming,
    before: &'t str,
}

impl<'t> Names<'t> {
    fn token(&mut self, token: &'t str) {
        if token == "." {
            self.add(folded(self.before));
        }
        self.naming = self.next(token);
        self.before = token;
    }

    fn next(&mut self, token: &'t str) -> Naming {
        let is = |word: &str| token.eq_ignore_ascii_case(word);
        match self.naming {
            Naming::Create if is("schema") => Naming::Schema,
            Naming::Schema
                if ["if", "not", "exists", "authorization"]
                    .iter()
                    .any(|w| is(w)) =>
            {
                Naming::Schema
            }
            Naming::Schema => {
                self.add(folded(token).or_else(|| string(token)));
                Naming::Nothing
            }
            Naming::Path if token == "=" || is("to") => Naming::Item,
            Naming::Item => {
                self.add(folded(token).or_else(|| string(token)));
                Naming::AfterItem
            }
            Naming::AfterItem if token == "," => Naming::Item,
            Naming::Config if token == "," => Naming::Config,
            Naming::Config => {
                let items = string(token).unwrap_or_default();
                for item in items.split(',') {
                    self.add(folded(item.trim()));
                }
                Naming::Nothing
            }
            _ => self.first(token),
        }
    }

    /// A token that may begin something that names schemas.
    fn first(&self, token: &str) -> Naming {
        let is = |word: &str| token.eq_ignore_ascii_case(word);
        if is("create") {
            Naming::Create
        } else if is("search_path") || is("\"search_path\"") {
            Naming::Path
        } else if is("'search_path'") {
            Naming::Config
        } else if is("schema")
            && ["set", "session", "local"]
                .iter()
                .any(|word| self.before.eq_ignore_ascii_case(word))
        {
            Naming::Schema
        } else {
            Naming::Nothing
        }
    }

    fn add(&mut self, name: Option<Cow<'_, str>>) {
        if let Some(name) = name
            && !self.found.contains(&*name)
        {
            self.found.insert(name.into_owned());
        }
    }
}

/// What a string in plain quotes holds.
fn string(token: &str) -> Option<Cow<'_, str>> {
    let inner = token.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(Cow::Borrowed(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every input is one statement with this hazard, or none.
    #[track_caller]
    fn check(expected: Option<Hazard>, inputs: &[&str]) {
        for input in inputs {
            for text in [
                (*input).to_owned(),
                input.to_ascii_uppercase(),
                input.replace(' ', " /*'*/ "),
            ] {
                let statements = split(&text, &mut |_token| {}).unwrap_or_default();
                assert_eq!(statements.len(), 1, "{text:?}");
                let found: Vec<_> = statements.iter().map(|s| hazard(&text, s)).collect();
                assert_eq!(found, [expected], "{text:?}");
            }
        }
    }

    #[test]
    fn an_insert_needs_a_guard() {
        check(
            Some(Hazard::Insert),
            &[
                "insert into t values (1)",
                "insert into t select 1 where exists (select 1)",
                "insert into t select \"on conflict\" from u",
                "with x as (select 1) insert into t select * from x",
                "with x as (insert into t values (1) returning a) select * from x",
                "with x as (insert into t values (1)) insert into t values (1) on conflict do nothing",
                "with x as (insert into t values (1) on conflict do nothing) insert into t values (2)",
                "explain analyze insert into t values (1)",
                "prepare p as insert into t values (1)",
                "copy (insert into t values (1) returning a) to stdout",
            ],
        );
        check(
            None,
            &[
                "insert into t values (1) on conflict do nothing",
                "insert into t values (1) on conflict (a) do update set a = excluded.a",
                "insert into t select 1 where not exists (select 1 from t)",
                "with x as (select 1 where not exists (select 1)) insert into t select * from x",
                "with x as (insert into t values (1) on conflict do nothing returning a) select * from x",
                "insert into t (insert, update) values (1, 2) on conflict do nothing",
            ],
        );
    }

    #[test]
    fn changing_data_is_a_hazard() {
        check(
            Some(Hazard::Update),
            &["update t set a = 1", "update only t set a = 1"],
        );
        check(
            Some(Hazard::Update),
            &["with x as materialized (update t set a = 1 returning a) select 1"],
        );
        check(
            Some(Hazard::Update),
            &["with x as (select 1) update t set a = 1"],
        );
        check(
            Some(Hazard::Delete),
            &[
                "delete from t",
                "with x as (delete from t returning a) insert into u select * from x",
            ],
        );
        check(
            Some(Hazard::Merge),
            &["merge into t using u on true when matched then delete"],
        );
        check(
            Some(Hazard::Truncate),
            &["truncate t", "truncate table t cascade"],
        );
        check(Some(Hazard::Call), &["call p()"]);
        check(
            Some(Hazard::Copy),
            &[
                "copy t from stdin",
                "copy t from '/x'",
                "copy t (a) from program 'x'",
            ],
        );
        check(
            None,
            &["copy t to stdout", "copy (select 1 from t) to '/x'"],
        );
    }

    #[test]
    fn setting_a_sequence_is_a_hazard() {
        check(
            Some(Hazard::Setval),
            &[
                "select setval('s', 1)",
                "select pg_catalog.setval ( 's', max(a) ) from t",
                "select \"setval\"('s', 1)",
            ],
        );
        check(
            Some(Hazard::Restart),
            &[
                "alter sequence s restart",
                "alter table t alter column a restart with 1",
            ],
        );
        check(
            None,
            &[
                "select setval from t",
                "select 'setval(1)'",
                "alter sequence s owned by t.a",
            ],
        );
    }

    #[test]
    fn dropping_data_is_a_hazard() {
        check(
            Some(Hazard::Drop("DROP TABLE")),
            &["drop table t", "drop table if exists t cascade"],
        );
        check(Some(Hazard::Drop("DROP SCHEMA")), &["drop schema s"]);
        check(
            Some(Hazard::Drop("DROP SEQUENCE")),
            &["drop sequence if exists s"],
        );
        check(Some(Hazard::Drop("DROP DATABASE")), &["drop database d"]);
        check(Some(Hazard::Drop("DROP OWNED")), &["drop owned by r"]);
        check(
            Some(Hazard::DropCascade),
            &[
                "drop view v cascade",
                "drop function if exists f(int) cascade",
            ],
        );
        check(
            Some(Hazard::DropColumn),
            &[
                "alter table t drop a",
                "alter table t drop column if exists a cascade",
                "alter table if exists only s.t * add b int, drop column a",
                "alter foreign table t drop column a",
                "alter table t alter a set default array[1, 2], drop b",
            ],
        );
        check(
            Some(Hazard::AlterCascade),
            &[
                "alter table t drop constraint c cascade",
                "alter type t drop attribute a cascade",
            ],
        );
    }

    #[test]
    fn dropping_a_definition_is_none() {
        check(
            None,
            &[
                "drop view if exists v",
                "drop trigger if exists g on t",
                "drop policy p on t",
                "drop function f(int)",
                "drop index i",
                "drop type t restrict",
                "alter table t drop constraint if exists c",
                "alter table t alter a drop not null, alter b drop default",
                "alter table t alter column a drop identity if exists",
                "alter table drop_me alter a set default 1",
                "alter domain d drop constraint c",
                "alter table t drop constraint c, add constraint c foreign key (a) references u on delete cascade on update cascade",
            ],
        );
    }

    #[test]
    fn structure_without_a_name_is_a_hazard() {
        check(
            Some(Hazard::UnnamedIndex),
            &[
                "create index on t (a)",
                "create unique index on t (a)",
                "create index concurrently on t (a)",
            ],
        );
        check(
            Some(Hazard::UnnamedConstraint),
            &[
                "alter table t add check (a > 0)",
                "alter table only s.t add unique (a)",
                "alter table t add unique nulls not distinct (a)",
                "alter table t add column if not exists b int, add primary key (a)",
                "alter table t add foreign key (a) references u on delete cascade",
                "alter table t add exclude using gist (a with &&)",
                "alter table t add exclude (a with =)",
                "alter domain d add check (value > 0)",
            ],
        );
        check(
            None,
            &[
                "create index if not exists i on t (a)",
                "create unique index concurrently \"on\" on t (a)",
                "alter table t add constraint c check (a > 0)",
                "alter table t add column if not exists b int check (b > 0) unique",
                "alter table t add exclude boolean",
                "alter table t add unique using index i",
                "alter table t add primary key using index i",
            ],
        );
    }

    #[test]
    fn a_definition_acts_only_later() {
        check(
            None,
            &[
                "create function f() returns int language sql as $$ delete from t; select setval('s', 1) $$",
                "create procedure p() begin atomic insert into t values (1); update t set a = 1; end",
                "create rule r as on insert to t do also insert into u values (1)",
                "create trigger g before update or delete on t for each row execute function f()",
                "create or replace view v as select 1",
                "create materialized view if not exists v as select 1",
                "create table if not exists t (a int references u on delete cascade, update int)",
                "create table t as select 1",
                "create policy p on t for update using (true)",
                "do $$ begin delete from t; end $$",
            ],
        );
    }

    #[test]
    fn reading_and_granting_are_none() {
        check(
            None,
            &[
                "select a from t for update",
                "select a from t for no key update of t",
                "with x as (select a from t for update) select 1",
                "grant update, delete on t to r",
                "revoke insert on t from r cascade",
                "alter default privileges revoke insert on tables from r cascade",
                "comment on table t is 'update'",
                "explain select 1",
                "set search_path = a",
                "select 1",
                "(select 1)",
                "values (1)",
                "refresh materialized view v",
                "lock t in row exclusive mode",
                "\\restrict x",
            ],
        );
    }

    #[test]
    fn a_hazard_is_read_with_the_strings_of_its_place() {
        let text =
            "set standard_conforming_strings = off; select 'a\\'; delete from t', setval('s', 1);";
        let statements = split(text, &mut |_token| {}).unwrap_or_default();
        let found: Vec<_> = statements.iter().map(|s| hazard(text, s)).collect();
        assert_eq!(found, [None, Some(Hazard::Setval)]);
    }

    #[track_caller]
    fn check_names(input: &str, expected: &[&str]) {
        let found: Vec<_> = schema_names(input).into_iter().collect();
        assert_eq!(found, expected, "{input:?}");
    }

    #[test]
    fn schemas_are_named_in_many_places() {
        check_names(
            "select * from App.t, \"B c\" . u, \"d\"\"e\".v",
            &["B c", "app", "d\"e"],
        );
        check_names(
            "create schema a; create schema if not exists \"B\" authorization c",
            &["B", "a"],
        );
        check_names("CREATE SCHEMA AUTHORIZATION joe", &["joe"]);
        check_names(
            "set search_path = a, \"B\", 'C'; select d",
            &["B", "C", "a"],
        );
        check_names("alter role r set search_path to x, y", &["x", "y"]);
        check_names(
            "select set_config('search_path', 'a, \"B\"', false)",
            &["B", "a"],
        );
        check_names("set schema 'a'; set local schema 'b'", &["a", "b"]);
        check_names("select 1.5, 'a.b', a..b -- c.d\n, $$ e.f $$", &[]);
        check_names("copy s.t from stdin;\na.b\n\\.\nselect u.v", &["s", "u"]);
        check_names("select a.b, 'c", &["a"]);
    }
}
