-- The server objects to a semicolon in parentheses.
CREATE TABLE t (a int);
INSERT INTO t VALUES (1; 2);
SELECT 1;
