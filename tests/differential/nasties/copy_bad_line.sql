CREATE TABLE t (a int, b text);
INSERT INTO t VALUES (0, 'x');
COPY t FROM stdin;
1	one
two	two
3	three
\.
INSERT INTO t VALUES (4, 'never');
