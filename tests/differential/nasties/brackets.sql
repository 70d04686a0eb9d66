CREATE TABLE t (a int[], b text[][]);
INSERT INTO t VALUES ('{1,2}', ARRAY[['a;', ']'], ['[', ')']]);
SELECT a[1], a[1:2], (ARRAY[1,2])[1], b[:1][:2] FROM t;
SELECT a[lower.x:upper.x] FROM t, (SELECT 1 AS x) lower, (SELECT 2 AS x) upper;
UPDATE t SET a[1:2] = '{3,4}', b[2:2] = b[1:1];
