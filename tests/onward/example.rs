//! The example of this repository, on the databases that it is meant for.

use crate::support::{Database, Project};

const ALL_TEN: &str = "0001_users.sql, 0002_sessions.sql, 0003_documents.sql, 0004_jobs.sql, 0005_languages.sql, \
    0006_document_slugs.sql, 0007_job_failures.sql, 0008_claim_job.sql, 0009_document_search.sql, 0010_slugs_required.sql";
const UP_TO_DATE: &str = "Applied 0 migrations: the database is up to date (10 applied)\n";

/// The schema file and the newer migrations, as psql runs them.
fn made_by_psql(project: &Project) -> Database {
    let database = Database::new();
    let mut files = vec![project.path("schema.sql")];
    files.extend(project.migrations().split_off(4));
    database.psql(&files);
    database
}

#[test]
fn an_empty_database_gets_the_schema_file_and_the_newer_migrations() {
    let project = Project::example();
    let expected = made_by_psql(&project).dump();
    for _ in 0..3 {
        let database = Database::new();
        project.run(&database, "").gives(0, r"
            Applied 6 migrations: 0005_languages.sql, 0006_document_slugs.sql, 0007_job_failures.sql, 0008_claim_job.sql, 0009_document_search.sql, 0010_slugs_required.sql
        ", r"
            schema.sql: 1 statement skipped, as already done
            applied schema.sql (<time>)
            applied 0005_languages.sql (<time>)
            applied 0006_document_slugs.sql (<time>)
            applied 0007_job_failures.sql (<time>)
            applied 0008_claim_job.sql (<time>)
            applied 0009_document_search.sql (<time>)
            applied 0010_slugs_required.sql (<time>)
        ");
        project.run(&database, "").gives(0, UP_TO_DATE, "");
        assert_eq!(database.dump(), expected);
    }
}

#[test]
fn a_database_that_only_ever_ran_the_schema_file_is_brought_up_to_date() {
    let project = Project::example();
    let expected = made_by_psql(&project).dump();
    for _ in 0..3 {
        let database = Database::new();
        database.psql(&[project.path("schema.sql")]);
        project.run(&database, "").gives(0, r"
            Applied 6 migrations: 0005_languages.sql, 0006_document_slugs.sql, 0007_job_failures.sql, 0008_claim_job.sql, 0009_document_search.sql, 0010_slugs_required.sql
        ", r"
            notice: schema.sql:42: a DO block runs on a database that has its objects
              make sure that it does nothing where its work is done already
            schema.sql: 8 statements skipped, as already done
            applied schema.sql (<time>)
            applied 0005_languages.sql (<time>)
            applied 0006_document_slugs.sql (<time>)
            applied 0007_job_failures.sql (<time>)
            applied 0008_claim_job.sql (<time>)
            applied 0009_document_search.sql (<time>)
            applied 0010_slugs_required.sql (<time>)
        ");
        project.run(&database, "").gives(0, UP_TO_DATE, "");
        assert_eq!(database.dump(), expected);
    }
}

#[test]
fn a_database_that_is_up_to_date_is_left_as_it_is() {
    let project = Project::example();
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    let before = database.full_dump();
    for _ in 0..3 {
        project.run(&database, "").gives(0, UP_TO_DATE, "");
    }
    assert_eq!(database.full_dump(), before);
}

#[test]
fn without_schema_file_every_migration_runs() {
    let project = Project::example();
    project.remove("schema.sql");
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        &format!("Applied 10 migrations: {ALL_TEN}\n"),
        r"
            applied 0001_users.sql (<time>)
            applied 0002_sessions.sql (<time>)
            applied 0003_documents.sql (<time>)
            applied 0004_jobs.sql (<time>)
            applied 0005_languages.sql (<time>)
            applied 0006_document_slugs.sql (<time>)
            applied 0007_job_failures.sql (<time>)
            applied 0008_claim_job.sql (<time>)
            applied 0009_document_search.sql (<time>)
            applied 0010_slugs_required.sql (<time>)
        ",
    );
    let by_psql = Database::new();
    by_psql.psql(&project.migrations());
    assert_eq!(database.dump(), by_psql.dump());
}

#[test]
fn the_schema_file_makes_what_its_migrations_make() {
    let project = Project::example();
    let (by_schema, by_migrations) = (Database::new(), Database::new());
    by_schema.psql(&[project.path("schema.sql")]);
    by_migrations.psql(&project.migrations()[..4]);
    assert_eq!(by_schema.dump(), by_migrations.dump());
}

#[test]
fn a_broken_ninth_file_leaves_the_eight_applied() {
    let project = Project::example();
    let ninth =
        std::fs::read_to_string(project.path("migrations/0009_document_search.sql")).unwrap();
    project.write(
        "migrations/0009_document_search.sql",
        ninth.replace("'simple', body", "'simple', boddy"),
    );
    let database = Database::new();
    project.run(&database, "").gives(1, "", r#"
        schema.sql: 1 statement skipped, as already done
        applied schema.sql (<time>)
        applied 0005_languages.sql (<time>)
        applied 0006_document_slugs.sql (<time>)
        applied 0007_job_failures.sql (<time>)
        applied 0008_claim_job.sql (<time>)
        migrations/0009_document_search.sql:5:1: ERROR: column "boddy" does not exist (42703)
        5 | ALTER TABLE documents
          | ^
        HINT: Perhaps you meant to reference the column "documents.body".
        rolled back: 0009_document_search.sql as a whole
        applied before: 0005_languages.sql, 0006_document_slugs.sql, 0007_job_failures.sql, 0008_claim_job.sql
        still pending: 0009_document_search.sql, 0010_slugs_required.sql
          mend the file, then run onward again
    "#);
    assert_eq!(database.applied().len(), 9, "the schema file, 0001 to 0008");
    assert_eq!(
        database
            .query("SELECT filename, error_message FROM schema_migrations WHERE status = 'failed'"),
        ["0009_document_search.sql|column \"boddy\" does not exist (42703)"]
    );
    assert_eq!(
        database.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'documents'::regclass AND attname = 'search'"),
        "0"
    );
    let failed_once = database.full_dump();
    project.run(&database, "status").gives(0, r#"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  schema.sql through 0004, applied on <when> by postgres

        state  file  description  applied at  time  by
        baseline  0001_users.sql  People who can sign in  <when>  postgres
        baseline  0002_sessions.sql  Sessions of the people who are signed in  <when>  postgres
        baseline  0003_documents.sql  Documents, with the time of their last change  <when>  postgres
        baseline  0004_jobs.sql  A queue of jobs for the workers  <when>  postgres
        applied  0005_languages.sql  Everybody chooses a language  <when>  <time>  postgres
        applied  0006_document_slugs.sql  Documents get readable addresses  <when>  <time>  postgres
        applied  0007_job_failures.sql  A job that keeps failing is put aside with its last error  <when>  <time>  postgres
        applied  0008_claim_job.sql  Workers claim jobs without waiting for each other  <when>  <time>  postgres
        failed    0009_document_search.sql  Full-text search in documents
        pending   0010_slugs_required.sql   Every document has a readable address

        0009_document_search.sql failed on <when>: column "boddy" does not exist (42703)

        10 migrations: 8 applied, 2 pending, 1 failed
    "#, "");
    assert_eq!(database.full_dump(), failed_once);

    project.write("migrations/0009_document_search.sql", ninth);
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 0009_document_search.sql, 0010_slugs_required.sql\n",
        r"
        applied 0009_document_search.sql (<time>)
        applied 0010_slugs_required.sql (<time>)
    ",
    );
    assert_eq!(
        database.value("SELECT count(*) FROM schema_migrations WHERE status <> 'applied'"),
        "0"
    );
    assert_eq!(database.dump(), made_by_psql(&project).dump());
}
