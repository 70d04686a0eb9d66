CREATE TABLE t (a int CHECK (a > 0), b text NOT NULL);
COPY t (a) FROM stdin;
1
\.
