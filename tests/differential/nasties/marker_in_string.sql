-- Markers of other tools count wherever a line begins with them.
CREATE TABLE t (a text);
INSERT INTO t VALUES ('
-- migrate:up
');
