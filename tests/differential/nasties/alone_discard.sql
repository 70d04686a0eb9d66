CREATE TABLE t (a int);
SET search_path = pg_catalog;
DISCARD ALL;
INSERT INTO t VALUES (1);
