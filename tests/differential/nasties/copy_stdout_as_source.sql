-- The grammar takes STDOUT for STDIN.
CREATE TABLE t (a int);
COPY t FROM stdout;
1
\.
INSERT INTO t VALUES (2);
