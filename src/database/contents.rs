//! All that is in a database: as statements that drop it, and who is in the way of that.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::session::Session;
use super::survey::Facts;
use crate::error::Trouble;

/// What stands in a database, and beside it.
#[derive(Debug)]
pub struct Contents {
    /// Statements after which the database is as the server makes one. Roles and other databases are not touched.
    pub drops: String,
    /// The `search_path` names `public`, which may be gone now and will be there again.
    pub public_on_path: bool,
    /// Other databases are made from this one.
    pub is_template: bool,
    /// Subscriptions that hold a replication slot, which no transaction can drop:
    /// <https://www.postgresql.org/docs/current/sql-dropsubscription.html>.
    pub subscriptions: Vec<String>,
    /// Who else is connected.
    pub sessions: Vec<String>,
}

/// Looks at what is in the database.
///
/// # Errors
/// What the server or the connection said.
pub fn contents(session: &mut Session, facts: &Facts) -> Result<Contents, Trouble> {
    let look = format!(
        "{TEMPLATE};\n{PUBLIC_ON_PATH};\n{SLOTS};\n{}",
        drops_sql(facts)
    );
    let mut answers = session.ask(&look)?.into_iter().map(|rows| {
        let cells = rows.iter().filter_map(|row| row.try_get(0).ok().flatten());
        cells.map(str::to_owned).collect::<Vec<String>>()
    });
    let mut next = || answers.next().unwrap_or_default();
    let is_template = next() == ["t"];
    let public_on_path = next() == ["t"];
    let subscriptions = next();
    let drops = next().into_iter().fold(
        // Each thing that goes with another would be a notice.
        String::from("SET LOCAL client_min_messages = warning;\n"),
        |all, statement| all + &statement + ";\n",
    );
    Ok(Contents {
        drops: drops + "RESET client_min_messages;\n",
        public_on_path,
        is_template,
        subscriptions,
        sessions: sessions(session)?,
    })
}

/// A session that has said goodbye is seen for a moment longer.
const GOODBYE: Duration = Duration::from_secs(1);

/// Who else is connected, and stays so.
fn sessions(session: &mut Session) -> Result<Vec<String>, Trouble> {
    until_gone(session, "", GOODBYE)
}

/// A session that is ended rolls back first.
const ENDING: Duration = Duration::from_secs(10);

/// Ends the sessions of others; which of them are still there after a while. Who connects meanwhile is not asked.
///
/// # Errors
/// What the server or the connection said: that this role may not end a session of that role, above all.
pub fn end_sessions(session: &mut Session) -> Result<Vec<String>, Trouble> {
    let end = format!(
        "SELECT pg_catalog.pg_stat_clear_snapshot(); SELECT a.pid, pg_catalog.pg_terminate_backend(a.pid) FROM {OTHERS}"
    );
    let ended = session.ask(&end)?.pop().unwrap_or_default();
    let pids: Vec<&str> = ended
        .iter()
        .filter_map(|row| row.try_get(0).ok().flatten())
        .collect();
    if pids.is_empty() {
        return Ok(Vec::new());
    }
    let among = format!(
        " AND a.pid OPERATOR(pg_catalog.=) ANY (CAST(ARRAY[{}] AS pg_catalog.int4[]))",
        pids.join(", ")
    );
    until_gone(session, &among, ENDING)
}

/// Those of the others that do not go within a time.
fn until_gone(session: &mut Session, among: &str, limit: Duration) -> Result<Vec<String>, Trouble> {
    const PAUSE: Duration = Duration::from_millis(50);
    // What a transaction has seen of others, it goes on to see.
    let look = format!(
        "SELECT pg_catalog.pg_stat_clear_snapshot(); SELECT pg_catalog.concat('pid ', a.pid, ', user ', a.usename, \
         ', application ', pg_catalog.quote_literal(a.application_name)) FROM {OTHERS}{among} ORDER BY a.backend_start, a.pid"
    );
    let end = Instant::now() + limit;
    loop {
        let seen = session.ask(&look)?.pop().unwrap_or_default();
        if seen.is_empty() || Instant::now() >= end {
            let cells = seen.iter().filter_map(|row| row.try_get(0).ok().flatten());
            return Ok(cells.map(str::to_owned).collect());
        }
        std::thread::sleep(PAUSE);
    }
}

/// Sessions of clients, our own aside. What they are is not shown to everybody; processes of the server have no user.
const OTHERS: &str = "pg_catalog.pg_stat_activity a WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
     AND a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() AND a.usename IS NOT NULL \
     AND COALESCE(a.backend_type, 'client backend') OPERATOR(pg_catalog.=) 'client backend'";

const TEMPLATE: &str = "SELECT datistemplate FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) \
     pg_catalog.current_database()";

const PUBLIC_ON_PATH: &str = "SELECT pg_catalog.array_position(pg_catalog.string_to_array(pg_catalog.translate(\
     pg_catalog.current_setting('search_path'), ' \"', ''), ','), 'public') IS NOT NULL";

const HERE: &str = "(SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) \
     pg_catalog.current_database())";

const SLOTS: &str = "SELECT pg_catalog.quote_ident(s.subname) FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d \
     ON d.oid OPERATOR(pg_catalog.=) s.subdbid WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
     AND s.subslotname IS NOT NULL ORDER BY 1";

/// What initdb has made has a number below this one, `FirstNormalObjectId`.
const FIRST_OWN: &str = "16384";

/// One row a statement, in the order in which they must run.
fn drops_sql(facts: &Facts) -> String {
    let mut sql = String::new();
    let parts = [
        event_triggers(),
        subscriptions(),
        publications(),
        schemas(),
        extensions(),
        contents_of_public(),
        loose_objects(),
        default_privileges(),
        large_objects(),
        new_public(facts),
    ];
    for (place, part) in parts.iter().enumerate() {
        let union = if place > 0 { "\nUNION ALL " } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(
            sql,
            "{union}SELECT p.statement, {place} FROM ({part}) p(statement)"
        );
    }
    format!("SELECT s.statement FROM ({sql}) s(statement, place) ORDER BY s.place, s.statement")
}

/// Whether an object belongs to an extension, with which it goes.
fn is_member(catalog: &str, oid: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid OPERATOR(pg_catalog.=) \
         CAST(CAST('pg_catalog.{catalog}' AS pg_catalog.regclass) AS pg_catalog.oid) AND d.objid OPERATOR(pg_catalog.=) {oid} \
         AND d.deptype OPERATOR(pg_catalog.=) 'e')"
    )
}

/// The first to go, for they would run at all that is dropped.
fn event_triggers() -> String {
    format!(
        "SELECT pg_catalog.format(CASE WHEN {} THEN 'ALTER EVENT TRIGGER %I DISABLE' ELSE 'DROP EVENT TRIGGER %I' END, \
         e.evtname) FROM pg_catalog.pg_event_trigger e",
        is_member("pg_event_trigger", "e.oid")
    )
}

fn subscriptions() -> String {
    format!(
        "SELECT pg_catalog.format('DROP SUBSCRIPTION %I', s.subname) FROM pg_catalog.pg_subscription s \
         WHERE s.subdbid OPERATOR(pg_catalog.=) {HERE} AND s.subslotname IS NULL"
    )
}

fn publications() -> String {
    format!(
        "SELECT pg_catalog.format('DROP PUBLICATION %I', p.pubname) FROM pg_catalog.pg_publication p WHERE NOT {}",
        is_member("pg_publication", "p.oid")
    )
}

/// Schemas with all that is in them, whoever owns that.
fn schemas() -> String {
    format!(
        "SELECT pg_catalog.concat('DROP SCHEMA ', pg_catalog.string_agg(pg_catalog.quote_ident(n.nspname), ', ' ORDER BY \
         n.nspname), ' CASCADE') FROM pg_catalog.pg_namespace n WHERE NOT pg_catalog.starts_with(CAST(n.nspname AS \
         pg_catalog.text), 'pg_') AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema' AND NOT {} AND NOT ({}) \
         HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0",
        is_member("pg_namespace", "n.oid"),
        a_strangers_public()
    )
}

/// Whether the schema `n` is `public` and belongs to a role that is not ours, as it did for the owner of a database before
/// PostgreSQL 15. It stays then, and what is in it goes piece by piece.
fn a_strangers_public() -> &'static str {
    "n.nspname OPERATOR(pg_catalog.=) 'public' AND NOT pg_catalog.pg_has_role(n.nspowner, 'USAGE')"
}

/// Those that are left, because they stand in a schema of the server. One that every database has stays.
fn extensions() -> String {
    "SELECT pg_catalog.concat('DROP EXTENSION IF EXISTS ', pg_catalog.string_agg(pg_catalog.quote_ident(x.extname), ', ' \
     ORDER BY x.extname), ' CASCADE') FROM pg_catalog.pg_extension x WHERE x.extname OPERATOR(pg_catalog.<>) 'plpgsql' \
     HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0"
        .to_owned()
}

/// What goes only as a part of something else has an entry in `pg_depend` that says so. An aggregate over `*` has no
/// arguments in its identity, which only `DROP ROUTINE` takes.
fn contents_of_public() -> String {
    format!(
        "SELECT pg_catalog.format('DROP %s IF EXISTS %s CASCADE', CASE o.type WHEN 'statistics object' THEN 'statistics' \
         WHEN 'aggregate' THEN 'routine' ELSE o.type END, o.identity) FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_depend i ON i.refobjid \
         OPERATOR(pg_catalog.=) n.oid AND i.refclassid OPERATOR(pg_catalog.=) CAST(CAST('pg_catalog.pg_namespace' AS \
         pg_catalog.regclass) AS pg_catalog.oid) CROSS JOIN LATERAL pg_catalog.pg_identify_object(i.classid, i.objid, 0) o \
         WHERE {} AND o.type OPERATOR(pg_catalog.<>) 'default acl' AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d \
         WHERE d.classid OPERATOR(pg_catalog.=) i.classid AND d.objid OPERATOR(pg_catalog.=) i.objid AND d.objsubid \
         OPERATOR(pg_catalog.=) 0 AND d.deptype OPERATOR(pg_catalog.=) ANY (CAST(ARRAY['e', 'i'] AS pg_catalog.\"char\"[])))",
        a_strangers_public()
    )
}

/// What stands in no schema, or in the one of the server.
fn loose_objects() -> String {
    let kind = |what: &str, catalog: &str, name: &str| {
        format!(
            "SELECT pg_catalog.format('DROP {what} IF EXISTS %I CASCADE', x.{name}) FROM pg_catalog.{catalog} x WHERE \
             x.oid OPERATOR(pg_catalog.>=) {FIRST_OWN} AND NOT {}",
            is_member(catalog, "x.oid")
        )
    };
    let own_type = |column: &str| format!("x.{column} OPERATOR(pg_catalog.<) {FIRST_OWN}");
    let type_name = |column: &str| format!("pg_catalog.format_type(x.{column}, NULL)");
    let in_pg_catalog = format!(
        "SELECT pg_catalog.format('DROP ROUTINE IF EXISTS %s CASCADE', o.identity) FROM pg_catalog.pg_proc x \
         CROSS JOIN LATERAL pg_catalog.pg_identify_object(CAST(CAST('pg_catalog.pg_proc' AS pg_catalog.regclass) AS \
         pg_catalog.oid), x.oid, 0) o WHERE x.oid OPERATOR(pg_catalog.>=) {FIRST_OWN} AND x.pronamespace \
         OPERATOR(pg_catalog.=) CAST(CAST('pg_catalog' AS pg_catalog.regnamespace) AS pg_catalog.oid) AND NOT {}",
        is_member("pg_proc", "x.oid")
    );
    let transforms = format!(
        "SELECT pg_catalog.format('DROP TRANSFORM IF EXISTS FOR %s LANGUAGE %I CASCADE', {}, l.lanname) FROM \
         pg_catalog.pg_transform x JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) x.trflang WHERE x.oid \
         OPERATOR(pg_catalog.>=) {FIRST_OWN} AND {} AND l.oid OPERATOR(pg_catalog.<) {FIRST_OWN} AND NOT {}",
        type_name("trftype"),
        own_type("trftype"),
        is_member("pg_transform", "x.oid")
    );
    format!(
        "{} UNION ALL {} UNION ALL {} UNION ALL {in_pg_catalog} UNION ALL {transforms} UNION ALL SELECT pg_catalog.format('DROP CAST IF EXISTS (%s AS %s) CASCADE', {}, {}) \
         FROM pg_catalog.pg_cast x WHERE x.oid OPERATOR(pg_catalog.>=) {FIRST_OWN} AND {} AND {} AND NOT {}",
        kind("FOREIGN DATA WRAPPER", "pg_foreign_data_wrapper", "fdwname"),
        kind("LANGUAGE", "pg_language", "lanname"),
        kind("ACCESS METHOD", "pg_am", "amname"),
        type_name("castsource"),
        type_name("casttarget"),
        // The others go with their types.
        own_type("castsource"),
        own_type("casttarget"),
        is_member("pg_cast", "x.oid")
    )
}

/// Default privileges are taken back by giving what the server gives without them:
/// <https://www.postgresql.org/docs/current/ddl-priv.html>.
fn default_privileges() -> String {
    format!(
        "SELECT pg_catalog.concat(b.head, ' REVOKE ALL ON ', b.kind, ' FROM ', pg_catalog.concat_ws(', ', b.owner, \
         b.grantees), CASE WHEN b.everywhere THEN pg_catalog.concat('; ', b.head, ' GRANT ALL ON ', b.kind, ' TO ', \
         b.owner) END, CASE WHEN b.everywhere AND b.kind OPERATOR(pg_catalog.=) 'FUNCTIONS' THEN pg_catalog.concat('; ', \
         b.head, ' GRANT EXECUTE ON FUNCTIONS TO PUBLIC') WHEN b.everywhere AND b.kind OPERATOR(pg_catalog.=) 'TYPES' THEN \
         pg_catalog.concat('; ', b.head, ' GRANT USAGE ON TYPES TO PUBLIC') END) FROM (SELECT \
         pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.defaclrole)), pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR \
         ROLE %I%s', pg_catalog.pg_get_userbyid(x.defaclrole), CASE WHEN n.oid IS NOT NULL THEN ' IN SCHEMA public' END), \
         n.oid IS NULL, CASE x.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' \
         WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END, (SELECT pg_catalog.string_agg(DISTINCT CASE \
         WHEN g.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE \
         pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END, ', ') FROM pg_catalog.aclexplode(x.defaclacl) g) \
         FROM pg_catalog.pg_default_acl x LEFT JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) \
         x.defaclnamespace WHERE x.defaclnamespace OPERATOR(pg_catalog.=) 0 OR {}) b(owner, head, everywhere, kind, grantees)",
        a_strangers_public()
    )
}

fn large_objects() -> String {
    "SELECT 'SELECT pg_catalog.count(pg_catalog.lo_unlink(oid)) FROM pg_catalog.pg_largeobject_metadata' WHERE EXISTS \
     (SELECT 1 FROM pg_catalog.pg_largeobject_metadata)"
        .to_owned()
}

/// The schema that every database has, as the server makes it. Before PostgreSQL 15 it belongs to the role that has made the
/// server, which only a superuser can give it to, and everybody may create in it.
fn new_public(facts: &Facts) -> String {
    let (owner, rights) = if facts.version_num >= 150_000 {
        ("'pg_database_owner'", "USAGE")
    } else {
        (
            "(SELECT pg_catalog.pg_get_userbyid(CASE WHEN r.rolsuper THEN 10 ELSE r.oid END) FROM pg_catalog.pg_roles r \
             WHERE r.rolname OPERATOR(pg_catalog.=) current_user)",
            "ALL",
        )
    };
    // A rule of pg_hba.conf for the members of a role has PostgreSQL 15 remember what our role is a member of before it
    // knows the database, whose owner is a member of pg_database_owner. To ask about another role makes it forget.
    let forget = if facts.version_num >= 150_000 {
        "SELECT pg_catalog.pg_has_role(''pg_monitor'', ''pg_database_owner'', ''MEMBER''); "
    } else {
        ""
    };
    format!(
        "SELECT pg_catalog.format('{forget}CREATE SCHEMA public AUTHORIZATION %I; COMMENT ON SCHEMA public IS ''standard public \
         schema''; GRANT {rights} ON SCHEMA public TO PUBLIC', {owner}) WHERE NOT EXISTS (SELECT 1 FROM \
         pg_catalog.pg_namespace n WHERE {})",
        a_strangers_public()
    )
}
