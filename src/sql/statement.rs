//! Tells what kind a statement is, from its first words.
//!
//! This module knows the statements that matter to a runner that brings its
//! own transaction; everything else is [`Kind::Plain`]. It does not check
//! syntax: the server does.

use std::borrow::Cow;
use std::fmt;

use super::lexer::{Lexer, TokenKind};

/// A range of bytes of the text.
///
/// It is half as large as two `usize` would be, because a file may hold a
/// million statements; so the text must be smaller than 4 GiB, which
/// [`split`](super::split) sees to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The bytes from `start` up to `end`, both below 4 GiB.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self {
            start: narrow(start),
            end: narrow(end),
        }
    }

    /// The first byte.
    #[must_use]
    pub fn start(self) -> usize {
        wide(self.start)
    }

    /// Behind the last byte.
    #[must_use]
    pub fn end(self) -> usize {
        wide(self.end)
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// The text that it spans; empty if it is not of this text.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        text.get(self.start()..self.end()).unwrap_or_default()
    }
}

/// An offset as it is kept. No text that was split has one beyond the range.
#[inline]
pub(super) fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[inline]
pub(super) fn wide(offset: u32) -> usize {
    offset as usize
}

/// What a statement is to a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anything that has no kind of its own.
    Plain,
    /// `BEGIN` or `START TRANSACTION`, with its transaction modes.
    Begin {
        /// The text of the modes; may be empty.
        modes: Span,
    },
    /// `COMMIT` or `END`.
    Commit,
    /// `ROLLBACK` or `ABORT` of the whole transaction.
    Rollback,
    /// `COMMIT` or `ROLLBACK` with `AND CHAIN`.
    Chain,
    /// `SAVEPOINT`, `RELEASE` or `ROLLBACK TO`.
    Savepoint,
    /// `PREPARE TRANSACTION`
    PrepareTransaction,
    /// `SET TRANSACTION`, with its modes.
    SetTransaction {
        /// The text of the modes.
        modes: Span,
    },
    /// `SET` or `RESET` of anything that has no kind of its own.
    Set,
    /// Sets `standard_conforming_strings`, which changes how the text after
    /// it is read.
    StandardConformingStrings(bool),
    /// Sets `client_encoding`.
    ClientEncoding {
        /// Whether it is UTF-8.
        utf8: bool,
    },
    /// A command that `PreventInTransactionBlock` keeps out of a transaction.
    NotInTransaction(LoneCommand),
    /// `COPY … FROM stdin`
    CopyFromStdin {
        /// The data lines, without the closing `\.`.
        data: Span,
    },
    /// `DO`
    Do,
    /// `CALL`
    Call,
    /// A psql command between statements.
    Psql {
        /// The name of the command, without its backslash.
        command: Span,
    },
    /// A psql command inside an unfinished statement. The statements before
    /// and after it are two halves of one: neither may run on its own.
    PsqlInStatement {
        /// The name of the command, without its backslash.
        command: Span,
    },
}

/// A command that `PreventInTransactionBlock` keeps out of a transaction, by
/// version 18.
///
/// ```
/// # use onward::sql::statement::LoneCommand;
/// assert_eq!(LoneCommand::ReindexSchema.to_string(), "REINDEX SCHEMA");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoneCommand {
    CreateIndexConcurrently,
    CreateDatabase,
    CreateTablespace,
    /// With a replication slot.
    CreateSubscription,
    DropIndexConcurrently,
    DropDatabase,
    DropTablespace,
    DropSubscription,
    AlterSystem,
    AlterDatabaseSetTablespace,
    DetachPartitionConcurrently,
    RefreshSubscription,
    /// `SET`, `ADD` or `DROP PUBLICATION`, which refresh unless told not to.
    AlterPublicationWithRefresh,
    AlterSubscriptionSet,
    ReindexConcurrently,
    ReindexSystem,
    ReindexDatabase,
    ReindexSchema,
    Vacuum,
    DiscardAll,
    /// Of every table.
    Cluster,
    CommitPrepared,
    RollbackPrepared,
}

impl LoneCommand {
    /// The command as its documentation names it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::CreateIndexConcurrently => "CREATE INDEX CONCURRENTLY",
            Self::CreateDatabase => "CREATE DATABASE",
            Self::CreateTablespace => "CREATE TABLESPACE",
            Self::CreateSubscription => "CREATE SUBSCRIPTION",
            Self::DropIndexConcurrently => "DROP INDEX CONCURRENTLY",
            Self::DropDatabase => "DROP DATABASE",
            Self::DropTablespace => "DROP TABLESPACE",
            Self::DropSubscription => "DROP SUBSCRIPTION",
            Self::AlterSystem => "ALTER SYSTEM",
            Self::AlterDatabaseSetTablespace => "ALTER DATABASE … SET TABLESPACE",
            Self::DetachPartitionConcurrently => "ALTER TABLE … DETACH PARTITION … CONCURRENTLY",
            Self::RefreshSubscription => "ALTER SUBSCRIPTION … REFRESH PUBLICATION",
            Self::AlterPublicationWithRefresh => "ALTER SUBSCRIPTION … PUBLICATION with refresh",
            Self::AlterSubscriptionSet => "ALTER SUBSCRIPTION … SET (failover, two_phase)",
            Self::ReindexConcurrently => "REINDEX CONCURRENTLY",
            Self::ReindexSystem => "REINDEX SYSTEM",
            Self::ReindexDatabase => "REINDEX DATABASE",
            Self::ReindexSchema => "REINDEX SCHEMA",
            Self::Vacuum => "VACUUM",
            Self::DiscardAll => "DISCARD ALL",
            Self::Cluster => "CLUSTER",
            Self::CommitPrepared => "COMMIT PREPARED",
            Self::RollbackPrepared => "ROLLBACK PREPARED",
        }
    }

    /// Whether it builds, drops or detaches without blocking those who write.
    #[must_use]
    pub fn is_concurrent(self) -> bool {
        matches!(
            self,
            Self::CreateIndexConcurrently
                | Self::DropIndexConcurrently
                | Self::DetachPartitionConcurrently
                | Self::ReindexConcurrently
        )
    }
}

impl fmt::Display for LoneCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// What a `SET` or `RESET` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting<'t> {
    /// The name as it is written, without quotes; `ALL` for `RESET ALL`.
    pub name: &'t str,
    /// The first item of the value as it is written, quotes included; empty
    /// for `RESET`.
    pub value: &'t str,
}

/// Which setting a `SET name = …`, `SET name TO …` or `RESET name` is about.
///
/// `None` for every other statement, also for the forms with a syntax of
/// their own, such as `SET ROLE`, `SET TIME ZONE` or `SET TRANSACTION`.
///
/// ```
/// # use onward::sql::{setting, split};
/// let text = "set local lock_timeout = '0'";
/// let statements = split(text, &mut |_token| {})?;
/// let found = statements.first().and_then(|statement| setting(text, statement));
/// assert_eq!(found.map(|setting| (setting.name, setting.value)), Some(("lock_timeout", "'0'")));
/// # Ok::<(), onward::sql::SyntaxError>(())
/// ```
#[must_use]
pub fn setting<'t>(text: &'t str, statement: &super::Statement) -> Option<Setting<'t>> {
    let head = Head::collect(statement.words(text));
    if head.at(0).is("reset") {
        let (name, value) = (qualified(text, &head, 1)?.0, "");
        return Some(Setting { name, value });
    }
    if !head.at(0).is("set") {
        return None;
    }
    let (name, after) = qualified(text, &head, first_of_set(&head))?;
    let assigned = head.at(after).is("to") || head.at(after).text == "=";
    let value = head.at(after + 1).text;
    assigned.then_some(Setting { name, value })
}

/// The name `a` or `a.b` at a place of the head, and the place after it.
fn qualified<'t>(text: &'t str, head: &Head<'t>, from: usize) -> Option<(&'t str, usize)> {
    let first = head.at(from);
    match first.kind {
        TokenKind::QuotedIdentifier => Some((first.inner(), from + 1)),
        TokenKind::Word if head.at(from + 1).kind == TokenKind::Dot => {
            let whole = Span::new(first.start, head.at(from + 2).end());
            Some((whole.of(text), from + 3))
        }
        TokenKind::Word => Some((first.text, from + 1)),
        _ => None,
    }
}

/// A significant token in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'t> {
    pub(super) kind: TokenKind,
    pub(super) text: &'t str,
    /// Its first byte in the whole text.
    pub(super) start: usize,
    /// How many parentheses and brackets are open around it.
    pub(super) depth: usize,
}

impl<'t> Word<'t> {
    /// Stands where there is no word.
    pub(super) const NONE: Self = Self {
        kind: TokenKind::Other,
        text: "",
        start: 0,
        depth: 0,
    };

    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword: a quoted identifier never is.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    pub(super) fn is_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    /// Whether it names this function or setting, with or without quotes.
    pub(super) fn names(&self, name: &str) -> bool {
        self.is(name)
            || (self.kind == TokenKind::QuotedIdentifier && self.inner().eq_ignore_ascii_case(name))
    }

    pub(super) fn is_identifier(&self) -> bool {
        matches!(self.kind, TokenKind::Word | TokenKind::QuotedIdentifier)
    }

    /// What stands between the quotes, if there are any; escapes and the
    /// pieces of a continued string stay as they are.
    pub(super) fn inner(&self) -> &'t str {
        let quote = match self.kind {
            TokenKind::String => '\'',
            TokenKind::QuotedIdentifier => '"',
            TokenKind::DollarString => {
                let tag = self.text.get(1..).and_then(|rest| rest.find('$'));
                let tag = tag.map_or(0, |at| at + 2);
                let end = self.text.len().saturating_sub(tag);
                return self.text.get(tag..end).unwrap_or_default();
            }
            _ => return self.text,
        };
        let open = self.text.find(quote).map_or(0, |at| at + 1);
        let close = self.text.len().saturating_sub(1);
        self.text.get(open..close).unwrap_or_default()
    }

    /// A truth value as the server's `parse_bool` takes it.
    fn truth(&self) -> Option<bool> {
        let value = self.inner().trim().to_ascii_lowercase();
        let begins = |whole: &str, least: usize| value.len() >= least && whole.starts_with(&*value);
        if value == "1" || begins("on", 2) || begins("true", 1) || begins("yes", 1) {
            Some(true)
        } else if value == "0" || begins("off", 2) || begins("false", 1) || begins("no", 1) {
            Some(false)
        } else {
            None
        }
    }
}

/// The significant tokens of one statement, in order.
pub(super) struct Words<'t> {
    lexer: Lexer<'t>,
    text: &'t str,
    base: usize,
    depth: usize,
}

impl<'t> Words<'t> {
    /// `span` begins and ends at token boundaries of `text`.
    pub(super) fn new(text: &'t str, span: Span, standard_conforming_strings: bool) -> Self {
        let text = span.of(text);
        let mut lexer = Lexer::new(text);
        lexer.set_standard_conforming_strings(standard_conforming_strings);
        Self {
            lexer,
            text,
            base: span.start(),
            depth: 0,
        }
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = Word<'t>;

    fn next(&mut self) -> Option<Word<'t>> {
        loop {
            let start = self.lexer.offset();
            let token = self.lexer.next_token()?;
            if !token.kind.is_significant() {
                continue;
            }
            if matches!(token.kind, TokenKind::CloseParen | TokenKind::CloseBracket) {
                self.depth = self.depth.saturating_sub(1);
            }
            let word = Word {
                kind: token.kind,
                text: self.text.get(start..start + token.len).unwrap_or_default(),
                start: self.base + start,
                depth: self.depth,
            };
            if matches!(token.kind, TokenKind::OpenParen | TokenKind::OpenBracket) {
                self.depth += 1;
            }
            return Some(word);
        }
    }
}

/// The first words of a statement. Their depth is not kept while splitting.
#[derive(Clone, Copy)]
pub(super) struct Head<'t> {
    words: [Word<'t>; 16],
    len: usize,
}

impl<'t> Head<'t> {
    pub(super) const EMPTY: Self = Self {
        words: [Word::NONE; 16],
        len: 0,
    };

    pub(super) fn collect(words: Words<'t>) -> Self {
        let mut head = Self::EMPTY;
        for word in words.take(head.words.len()) {
            head.push(word);
        }
        head
    }

    /// Adds a word if there is room for it.
    #[inline]
    pub(super) fn push(&mut self, word: Word<'t>) {
        if let Some(place) = self.words.get_mut(self.len) {
            *place = word;
            self.len += 1;
        }
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len == self.words.len()
    }

    /// The word at a place, or [`Word::NONE`].
    pub(super) fn at(&self, place: usize) -> Word<'t> {
        self.iter().nth(place).unwrap_or(Word::NONE)
    }

    fn iter(&self) -> impl Iterator<Item = Word<'t>> + '_ {
        self.words.iter().take(self.len).copied()
    }

    /// Whether it begins `CREATE [OR REPLACE] FUNCTION` or `PROCEDURE`.
    pub(super) fn is_routine(&self) -> bool {
        let replace = self.at(1).is("or") && self.at(2).is("replace");
        let what = self.at(if replace { 3 } else { 1 });
        self.at(0).is("create") && what.is_any(&["function", "procedure"])
    }
}

/// What the splitter noticed on its way through a statement.
#[derive(Clone, Copy, Default)]
pub(super) struct Noticed {
    /// `FROM stdin` at depth 0 of a `COPY`.
    pub(super) from_stdin: bool,
    /// The name `set_config` somewhere.
    pub(super) set_config: bool,
}

/// The kind of the statement that spans `span`, begins with `head`, and is
/// read again with `words` if it is one of the few that need it.
pub(super) fn classify<'t>(
    head: &Head<'t>,
    noticed: Noticed,
    span: Span,
    words: impl Fn() -> Words<'t>,
) -> Kind {
    let verb = head.at(0);
    let mut letters = [0_u8; 9];
    match lower(&verb, &mut letters) {
        "begin" => Kind::Begin {
            modes: modes(head, after_noise(head), span),
        },
        "start" if head.at(1).is("transaction") => Kind::Begin {
            modes: modes(head, 2, span),
        },
        "commit" | "end" | "rollback" | "abort" => ending(head),
        "savepoint" | "release" => Kind::Savepoint,
        "prepare" if head.at(1).is("transaction") && head.at(2).kind == TokenKind::String => {
            Kind::PrepareTransaction
        }
        "set" => set(head, span),
        "reset" if head.at(1).names("standard_conforming_strings") => {
            Kind::StandardConformingStrings(true)
        }
        "reset" => Kind::Set,
        "copy" if noticed.from_stdin => Kind::CopyFromStdin {
            data: Span::default(),
        },
        "do" => Kind::Do,
        "call" => Kind::Call,
        "create" | "drop" | "alter" | "reindex" | "vacuum" | "discard" | "cluster" => {
            outside_transaction(head, words).map_or(Kind::Plain, Kind::NotInTransaction)
        }
        _ if noticed.set_config => set_config(words()),
        _ => Kind::Plain,
    }
}

/// The verb in lower case, or nothing if it is no keyword of ours.
fn lower<'b>(verb: &Word<'_>, letters: &'b mut [u8; 9]) -> &'b str {
    let bytes = verb.text.as_bytes();
    match letters.get_mut(..bytes.len()) {
        Some(letters) if verb.kind == TokenKind::Word => {
            letters.copy_from_slice(bytes);
            letters.make_ascii_lowercase();
            std::str::from_utf8(letters).unwrap_or_default()
        }
        _ => "",
    }
}

/// The place after `BEGIN`, `COMMIT` … and its `WORK` or `TRANSACTION`.
fn after_noise(head: &Head<'_>) -> usize {
    if head.at(1).is_any(&["work", "transaction"]) {
        2
    } else {
        1
    }
}

fn modes(head: &Head<'_>, from: usize, span: Span) -> Span {
    let first = head.at(from);
    if first.text.is_empty() {
        Span::new(span.end(), span.end())
    } else {
        Span::new(first.start, span.end())
    }
}

/// `COMMIT`, `END`, `ROLLBACK`, `ABORT` in all their forms.
fn ending(head: &Head<'_>) -> Kind {
    let back = head.at(0).is_any(&["rollback", "abort"]);
    if head.at(1).is("prepared") {
        let words = if back {
            LoneCommand::RollbackPrepared
        } else {
            LoneCommand::CommitPrepared
        };
        return Kind::NotInTransaction(words);
    }
    let next = after_noise(head);
    if back && head.at(next).is("to") {
        Kind::Savepoint
    } else if head.at(next).is("and") && head.at(next + 1).is("chain") {
        Kind::Chain
    } else if back {
        Kind::Rollback
    } else {
        Kind::Commit
    }
}

/// The place of what is set, after `SET`, `SET SESSION` or `SET LOCAL`.
fn first_of_set(head: &Head<'_>) -> usize {
    if head.at(1).is_any(&["session", "local"]) {
        2
    } else {
        1
    }
}

fn set(head: &Head<'_>, span: Span) -> Kind {
    let first = first_of_set(head);
    let name = head.at(first);
    if name.is("transaction") {
        return Kind::SetTransaction {
            modes: modes(head, first + 1, span),
        };
    }
    if name.is("names") {
        return match head.at(first + 1).kind {
            TokenKind::String => encoding(&head.at(first + 1)),
            _ => Kind::Set,
        };
    }
    let assigned = head.at(first + 1).is("to") || head.at(first + 1).text == "=";
    let value = head.at(first + 2);
    if !assigned {
        Kind::Set
    } else if name.names("standard_conforming_strings") {
        let truth = if value.is("default") {
            Some(true)
        } else {
            value.truth()
        };
        truth.map_or(Kind::Set, Kind::StandardConformingStrings)
    } else if name.names("client_encoding") && !value.is("default") {
        encoding(&value)
    } else {
        Kind::Set
    }
}

/// `clean_encoding_name` in the server drops all but letters and digits.
fn encoding(value: &Word<'_>) -> Kind {
    let name: String = value
        .inner()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let utf8 = ["utf8", "unicode"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known));
    Kind::ClientEncoding { utf8 }
}

/// `set_config('name', 'value', …)` for the settings that matter here. An
/// encoding that is not a literal is taken for another one than UTF-8.
fn set_config(words: Words<'_>) -> Kind {
    let mut window = [Word::NONE; 5];
    // The four blanks push the last words through to the front.
    for word in words.chain([Word::NONE; 4]) {
        window.rotate_left(1);
        window[4] = word;
        let [function, open, name, comma, value] = window;
        if !function.names("set_config")
            || open.kind != TokenKind::OpenParen
            || comma.kind != TokenKind::Comma
        {
            continue;
        }
        let setting = name.inner();
        if setting.eq_ignore_ascii_case("client_encoding") {
            return encoding(&value);
        }
        if let Some(truth) = value.truth()
            && setting.eq_ignore_ascii_case("standard_conforming_strings")
        {
            return Kind::StandardConformingStrings(truth);
        }
    }
    Kind::Plain
}

/// The commands that call `PreventInTransactionBlock`, up to version 18.
///
/// `REINDEX` and `CLUSTER` of a partitioned table belong to them too, which
/// the text alone does not tell.
fn outside_transaction<'t>(head: &Head<'t>, words: impl Fn() -> Words<'t>) -> Option<LoneCommand> {
    let mut verb = [0_u8; 9];
    let mut object = [0_u8; 9];
    let verb = lower(&head.at(0), &mut verb);
    // `SUBSCRIPTION` and `TABLESPACE` do not fit into the nine letters.
    let long = |name| head.at(1).is(name);
    match (verb, lower(&head.at(1), &mut object)) {
        ("create", "unique") if head.at(3).is("concurrently") => {
            Some(LoneCommand::CreateIndexConcurrently)
        }
        ("create", "index") if head.at(2).is("concurrently") => {
            Some(LoneCommand::CreateIndexConcurrently)
        }
        ("create", "database") => Some(LoneCommand::CreateDatabase),
        ("create", _) if long("tablespace") => Some(LoneCommand::CreateTablespace),
        ("create", _) if long("subscription") => {
            creates_slot(words).then_some(LoneCommand::CreateSubscription)
        }
        ("drop", "index") if head.at(2).is("concurrently") => {
            Some(LoneCommand::DropIndexConcurrently)
        }
        ("drop", "database") => Some(LoneCommand::DropDatabase),
        ("drop", _) if long("tablespace") => Some(LoneCommand::DropTablespace),
        ("drop", _) if long("subscription") => Some(LoneCommand::DropSubscription),
        ("alter", "system") => Some(LoneCommand::AlterSystem),
        ("alter", "database") => (head.at(3).is("set") && head.at(4).is("tablespace"))
            .then_some(LoneCommand::AlterDatabaseSetTablespace),
        ("alter", "table") => detaches(head).then_some(LoneCommand::DetachPartitionConcurrently),
        ("alter", _) if long("subscription") => alter_subscription(head, words),
        ("reindex", _) => reindex(words),
        ("vacuum", _) => Some(LoneCommand::Vacuum),
        ("discard", "all") => Some(LoneCommand::DiscardAll),
        ("cluster", _) => every_table(words()).then_some(LoneCommand::Cluster),
        _ => None,
    }
}

fn detaches(head: &Head<'_>) -> bool {
    let mut words = head.iter().skip_while(|word| !word.is("detach")).skip(1);
    words.next().is_some_and(|word| word.is("partition"))
        && words.any(|word| word.is("concurrently"))
}

/// `connect = false` and `create_slot = false` both create no slot.
fn creates_slot<'t>(words: impl Fn() -> Words<'t>) -> bool {
    option(words(), "connect") != Some(false) && option(words(), "create_slot") != Some(false)
}

fn alter_subscription<'t>(head: &Head<'t>, words: impl Fn() -> Words<'t>) -> Option<LoneCommand> {
    if head.at(3).is("refresh") {
        return Some(LoneCommand::RefreshSubscription);
    }
    if !head.at(3).is_any(&["set", "add", "drop"]) {
        return None;
    }
    if head.at(4).is("publication") {
        return (option(words(), "refresh") != Some(false))
            .then_some(LoneCommand::AlterPublicationWithRefresh);
    }
    ["failover", "two_phase"]
        .iter()
        .any(|name| option(words(), name).is_some())
        .then_some(LoneCommand::AlterSubscriptionSet)
}

fn reindex<'t>(words: impl Fn() -> Words<'t>) -> Option<LoneCommand> {
    if option(words(), "concurrently") == Some(true) {
        return Some(LoneCommand::ReindexConcurrently);
    }
    let mut outside = words().skip(1).filter(|word| word.depth == 0);
    let target = outside.find(|word| word.kind == TokenKind::Word)?;
    if outside.next().is_some_and(|word| word.is("concurrently")) {
        Some(LoneCommand::ReindexConcurrently)
    } else if target.is("system") {
        Some(LoneCommand::ReindexSystem)
    } else if target.is("database") {
        Some(LoneCommand::ReindexDatabase)
    } else if target.is("schema") {
        Some(LoneCommand::ReindexSchema)
    } else {
        None
    }
}

/// Whether a `CLUSTER` names no table.
fn every_table(words: Words<'_>) -> bool {
    !words
        .skip(1)
        .filter(|word| word.depth == 0)
        .any(|word| word.is_identifier() && !word.is("verbose"))
}

/// The value of a truth option in parentheses: `(name)`, `(name off)`,
/// `(name = false)`.
fn option(words: Words<'_>, name: &str) -> Option<bool> {
    let mut words = words.skip_while(|word| word.depth == 0 || !word.names(name));
    words.next()?;
    let value = words.find(|word| word.text != "=")?;
    Some(value.truth().unwrap_or(true))
}

/// A name as the server folds it: without quotes in lower case, in quotes as
/// it is. `None` if the token is no identifier.
pub(super) fn folded(token: &str) -> Option<Cow<'_, str>> {
    let quoted = token
        .strip_prefix("U&")
        .or_else(|| token.strip_prefix("u&"))
        .unwrap_or(token);
    if let Some(inner) = quoted.strip_prefix('"') {
        let inner = inner.strip_suffix('"').unwrap_or(inner);
        return Some(Cow::Owned(inner.replace("\"\"", "\"")));
    }
    let first = token.chars().next()?;
    let word = (first.is_ascii_alphabetic() || first == '_' || !first.is_ascii())
        && !token.ends_with('\'');
    word.then(|| {
        if token.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(token.to_ascii_lowercase())
        } else {
            Cow::Borrowed(token)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::split;

    #[track_caller]
    fn kinds(text: &str) -> Vec<Kind> {
        match split(text, &mut |_token| {}) {
            Ok(statements) => statements.iter().map(|statement| statement.kind).collect(),
            Err(error) => panic!("{error} in {text:?}"),
        }
    }

    /// Every input is one statement of this kind.
    #[track_caller]
    fn check(expected: Kind, inputs: &[&str]) {
        for input in inputs {
            assert_eq!(kinds(input), [expected], "{input:?}");
            let commented = input.replace(' ', " /* ; */ -- '\n ");
            if matches!(expected, Kind::Begin { .. } | Kind::SetTransaction { .. }) {
                continue;
            }
            assert_eq!(kinds(&commented), [expected], "{commented:?}");
            let loud = input.to_ascii_uppercase();
            assert_eq!(kinds(&loud), [expected], "{loud:?}");
        }
    }

    #[track_caller]
    fn check_modes(input: &str, expected: &str) {
        match kinds(input).as_slice() {
            [Kind::Begin { modes } | Kind::SetTransaction { modes }] => {
                assert_eq!(modes.of(input), expected, "{input:?}");
                assert_eq!(modes.is_empty(), expected.is_empty(), "{input:?}");
            }
            other => panic!("{other:?} for {input:?}"),
        }
    }

    #[test]
    fn begin_keeps_its_modes() {
        check_modes("BEGIN", "");
        check_modes("begin work;", "");
        check_modes(
            "Begin Transaction Isolation Level Serializable ;",
            "Isolation Level Serializable",
        );
        check_modes(
            "BEGIN READ ONLY, DEFERRABLE -- x\n;",
            "READ ONLY, DEFERRABLE",
        );
        check_modes("START TRANSACTION", "");
        check_modes("start /* x */ transaction READ WRITE;", "READ WRITE");
        check_modes("SET TRANSACTION READ ONLY;", "READ ONLY");
        check_modes(
            "SET LOCAL TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "ISOLATION LEVEL SERIALIZABLE",
        );
    }

    #[test]
    fn a_transaction_ends_in_many_words() {
        check(
            Kind::Commit,
            &[
                "commit",
                "end",
                "commit work",
                "end transaction",
                "commit and no chain",
            ],
        );
        check(
            Kind::Rollback,
            &[
                "rollback",
                "abort",
                "rollback work",
                "abort transaction",
                "rollback and no chain",
            ],
        );
        check(
            Kind::Chain,
            &[
                "commit and chain",
                "rollback work and chain",
                "end transaction and chain",
            ],
        );
        check(
            Kind::Savepoint,
            &[
                "savepoint a",
                "release a",
                "release savepoint a",
                "rollback to a",
                "rollback work to savepoint a",
                "abort transaction to a",
            ],
        );
        check(Kind::PrepareTransaction, &["prepare transaction 'x'"]);
    }

    #[test]
    fn a_quoted_keyword_is_a_name() {
        check(
            Kind::Plain,
            &["\"begin\"", "\"COMMIT\" work", "U&\"do\"", "'commit'"],
        );
        check(
            Kind::Plain,
            &["(select 1)", "begins", "prepare transaction as select 1"],
        );
    }

    #[test]
    fn set_is_about_settings() {
        check(
            Kind::Set,
            &[
                "set search_path = a, b",
                "set local lock_timeout to '1s'",
                "set role x",
                "set session authorization default",
                "set session characteristics as transaction read only",
                "set time zone utc",
                "set constraints all deferred",
                "reset all",
                "reset client_encoding",
                "set client_encoding = default",
                "set names",
                "set names default",
                "set transaction_isolation = serializable",
            ],
        );
    }

    #[test]
    fn standard_conforming_strings_is_followed() {
        for off in [
            "off", "'off'", "false", "f", "0", "of", "no", "N", "'FALSE'",
        ] {
            let text = format!("set standard_conforming_strings = {off}");
            check(Kind::StandardConformingStrings(false), &[&text]);
        }
        check(
            Kind::StandardConformingStrings(true),
            &[
                "set standard_conforming_strings to on",
                "set session standard_conforming_strings = default",
                "set local \"standard_conforming_strings\" = 1",
                "reset standard_conforming_strings",
                "select pg_catalog.set_config('standard_conforming_strings', 'yes', false)",
            ],
        );
        check(
            Kind::StandardConformingStrings(false),
            &[
                "select 1, set_config ( 'standard_conforming_strings' , 'off' , true )",
                "select set_config('a', 'b', false), set_config('standard_conforming_strings', 'off', false)",
            ],
        );
        check(Kind::Set, &["set standard_conforming_strings = o"]);
        check(
            Kind::Plain,
            &[
                "select set_config('search_path', '', false)",
                "select set_config",
            ],
        );
    }

    #[test]
    fn a_client_encoding_is_utf8_or_not() {
        check(
            Kind::ClientEncoding { utf8: true },
            &[
                "set client_encoding = 'UTF8'",
                "set client_encoding to utf8",
                "set client_encoding = 'utf-8'",
                "set local client_encoding = Unicode",
                "set names 'UTF8'",
                "select set_config('client_encoding', 'utf_8', false)",
            ],
        );
        check(
            Kind::ClientEncoding { utf8: false },
            &[
                "set client_encoding = 'LATIN1'",
                "set names 'sql_ascii'",
                "set session client_encoding to win1252",
                "select set_config('client_encoding', x, false)",
            ],
        );
    }

    /// Tried inside a transaction block of version 15, except for `CLUSTER (VERBOSE)` and
    /// `failover`, which need 17.
    #[test]
    fn some_commands_refuse_a_transaction() {
        let table: &[(LoneCommand, &[&str])] = &[
            (
                LoneCommand::CreateIndexConcurrently,
                &[
                    "create index concurrently on t (a)",
                    "create unique index concurrently if not exists i on t (a)",
                ],
            ),
            (
                LoneCommand::DropIndexConcurrently,
                &["drop index concurrently if exists a.b"],
            ),
            (
                LoneCommand::ReindexConcurrently,
                &[
                    "reindex index concurrently i",
                    "reindex table concurrently a.t",
                    "reindex (verbose, concurrently) table t",
                    "reindex (tablespace x, verbose off, concurrently on) index i",
                    "reindex system concurrently x",
                ],
            ),
            (
                LoneCommand::ReindexSystem,
                &["reindex system x", "reindex (verbose) system"],
            ),
            (
                LoneCommand::ReindexDatabase,
                &[
                    "reindex database x",
                    "reindex (concurrently off) database x",
                ],
            ),
            (LoneCommand::ReindexSchema, &["reindex schema x"]),
            (
                LoneCommand::Vacuum,
                &["vacuum", "vacuum (full) t", "vacuum analyze"],
            ),
            (
                LoneCommand::AlterSystem,
                &["alter system set a = 1", "alter system reset all"],
            ),
            (LoneCommand::CreateDatabase, &["create database x"]),
            (LoneCommand::DropDatabase, &["drop database if exists x"]),
            (
                LoneCommand::CreateTablespace,
                &["create tablespace x location '/x'"],
            ),
            (LoneCommand::DropTablespace, &["drop tablespace x"]),
            (
                LoneCommand::DetachPartitionConcurrently,
                &[
                    "alter table t detach partition p concurrently",
                    "alter table if exists only a . t * detach partition a . p concurrently",
                ],
            ),
            (
                LoneCommand::AlterDatabaseSetTablespace,
                &["alter database x set tablespace y"],
            ),
            (LoneCommand::CommitPrepared, &["commit prepared 'x'"]),
            (LoneCommand::RollbackPrepared, &["rollback prepared 'x'"]),
            (LoneCommand::DiscardAll, &["discard all"]),
            (
                LoneCommand::Cluster,
                &["cluster", "cluster verbose", "cluster (verbose)"],
            ),
            (
                LoneCommand::CreateSubscription,
                &[
                    "create subscription s connection 'x' publication p",
                    "create subscription s connection 'x' publication p with (connect = true, enabled)",
                ],
            ),
            (
                LoneCommand::DropSubscription,
                &["drop subscription if exists s"],
            ),
            (
                LoneCommand::RefreshSubscription,
                &["alter subscription s refresh publication"],
            ),
            (
                LoneCommand::AlterPublicationWithRefresh,
                &[
                    "alter subscription s set publication p",
                    "alter subscription s add publication p",
                ],
            ),
            (
                LoneCommand::AlterSubscriptionSet,
                &["alter subscription s set (slot_name = x, failover = true)"],
            ),
        ];
        for (command, inputs) in table {
            check(Kind::NotInTransaction(*command), inputs);
        }
    }

    #[test]
    fn their_neighbours_run_in_a_transaction() {
        check(
            Kind::Plain,
            &[
                "create index i on t (concurrently)",
                "create index \"concurrently\" on t (a)",
                "drop index i",
                "reindex table t",
                "reindex (verbose, concurrently false) table t",
                "reindex index \"concurrently\"",
                "analyze",
                "alter table t detach partition p",
                "alter table t detach partition p finalize",
                "alter table t add detach int",
                "alter database x set work_mem = '4MB'",
                "discard temp",
                "cluster t",
                "cluster verbose t using i",
                "create subscription s connection 'x' publication p with (connect = false)",
                "create subscription s connection 'x' publication p with (a = 1, create_slot = 'off')",
                "alter subscription s set publication p with (refresh = false)",
                "alter subscription s disable",
                "refresh materialized view concurrently v",
                "alter type t add value 'x'",
                "drop table t",
                "checkpoint",
            ],
        );
    }

    #[test]
    fn do_and_call_have_kinds() {
        check(
            Kind::Do,
            &["do $$ begin; end $$", "do language plpgsql 'x'"],
        );
        check(Kind::Call, &["call p(1)"]);
    }

    #[test]
    fn a_setting_has_a_name_and_a_value() {
        for (input, expected) in [
            ("SET lock_timeout = 0", Some(("lock_timeout", "0"))),
            (
                "set session \"Lock_Timeout\" to '1s'",
                Some(("Lock_Timeout", "'1s'")),
            ),
            ("set local my.var = a, b", Some(("my.var", "a"))),
            ("reset all", Some(("all", ""))),
            ("RESET a.b", Some(("a.b", ""))),
            ("set role x", None),
            ("set time zone utc", None),
            ("set transaction read only", None),
            ("select 1", None),
        ] {
            let statements = split(input, &mut |_token| {}).unwrap_or_default();
            let found = statements
                .first()
                .and_then(|statement| setting(input, statement));
            let found = found.map(|setting| (setting.name, setting.value));
            assert_eq!(found, expected, "{input:?}");
        }
    }
}
