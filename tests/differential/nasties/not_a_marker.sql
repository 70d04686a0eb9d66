CREATE TABLE t (a text);
INSERT INTO t VALUES ('x'); -- migrate:down
INSERT INTO t VALUES ('Up migration of the table');
-- migrates nothing
