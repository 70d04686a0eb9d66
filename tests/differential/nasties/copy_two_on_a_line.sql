CREATE TABLE t (a int);
CREATE TABLE u (a int);
COPY t FROM stdin; COPY u FROM stdin;
1
\.
2
\.
