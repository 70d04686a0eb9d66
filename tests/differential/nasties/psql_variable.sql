-- psql puts its own variables in the place of their names.
CREATE TABLE t (a text);
INSERT INTO t VALUES (:'ENCODING');
