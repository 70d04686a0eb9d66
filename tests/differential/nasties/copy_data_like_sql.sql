CREATE TABLE t (a text);
COPY t FROM stdin WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
DROP TABLE t;
\echo hello
\i nowhere.sql
COMMIT;
COPY t FROM stdin;
-- migrates nothing
$$
'
\.
INSERT INTO t VALUES ('end');
