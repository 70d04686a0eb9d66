-- The server checks this at the COMMIT, where onward has no temporary tables any more.
CREATE TEMP TABLE a (i int PRIMARY KEY) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE b (i int REFERENCES a);
CREATE TABLE t (a int);
