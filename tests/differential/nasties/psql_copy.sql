CREATE TABLE t (a int);
\copy t FROM stdin
1
\.
