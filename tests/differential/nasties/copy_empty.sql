CREATE TABLE t (a int);
COPY t FROM stdin;
\.
COPY t FROM stdin WITH CSV;
\.
INSERT INTO t VALUES (1);
