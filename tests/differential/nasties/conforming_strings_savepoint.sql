-- ROLLBACK TO takes the setting back, and psql is told.
CREATE TABLE t (a text);
SAVEPOINT s;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
INSERT INTO t VALUES ('a\';b');
ROLLBACK TO SAVEPOINT s;
INSERT INTO t VALUES ('a\'); INSERT INTO t VALUES ('b\');
