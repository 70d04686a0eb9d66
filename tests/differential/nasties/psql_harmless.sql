\set ON_ERROR_STOP on
\set QUIET on
\timing off
\pset pager off
\echo it's harmless
\qecho done
\encoding UTF8
\x off
\a
\t on
CREATE TABLE t (a int);
\echo "between
INSERT INTO t VALUES (1);
  \echo indented
\warn it is 'done'
