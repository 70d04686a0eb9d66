CREATE TABLE t (a int);
COPY t FROM stdin WITH (FORMAT nothing);
1
\.
