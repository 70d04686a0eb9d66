CREATE TABLE t (a int);
COPY t FROM stdin; INSERT INTO t VALUES (9);
1
\.
