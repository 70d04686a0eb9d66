-- Numbers that end where they should not.
CREATE TABLE t (a numeric);
INSERT INTO t VALUES (.5), (1.), (1e3), (1e-3), (12.e1);
SELECT 1a FROM t; SELECT 1.5b, 0x FROM t;
