-- The whole file in a transaction of its own.
SET client_min_messages = warning;
BEGIN;
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
COMMIT;
-- the end
