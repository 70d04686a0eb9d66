CREATE TABLE t (a text);
COPY t FROM stdin;
-- migrate:sideways
\.
