-- A no-break space is part of a name for the server.
CREATE TABLE t (a int);
SELECT 1 AS  x;
INSERT INTO t VALUES (1);
