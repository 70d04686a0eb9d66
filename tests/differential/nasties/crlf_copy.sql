CREATE TABLE t (a int, b text);
COPY t FROM stdin;
1	x
2	y
\.
COPY t FROM stdin WITH CSV;
3,"a
b"
\.
INSERT INTO t VALUES (4, 'z');
