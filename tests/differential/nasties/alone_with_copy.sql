CREATE TABLE t (a int);
VACUUM t;
COPY t FROM stdin;
1
2
\.
VACUUM t;
COPY t FROM stdin;
x
\.
