-- psql is told of every change, however it was made.
CREATE TABLE t (a text);
SELECT set_config('standard_conforming_strings', 'off', false);
INSERT INTO t VALUES (E'a\';b');
INSERT INTO t VALUES ('a');
SELECT set_config('standard_conforming_strings', 'on', false);
INSERT INTO t VALUES ('b');
