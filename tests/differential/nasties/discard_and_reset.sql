CREATE TABLE t (a int);
SET work_mem = '7MB';
RESET ALL;
DISCARD PLANS;
DEALLOCATE ALL;
LISTEN x; NOTIFY x, 'y;'; UNLISTEN *;
SELECT pg_advisory_lock(1), pg_advisory_xact_lock(2);
INSERT INTO t VALUES (1);
