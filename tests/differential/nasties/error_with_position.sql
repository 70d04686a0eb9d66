-- é名
CREATE TABLE t (a int);
	SELECT 'é🐘', missing FROM t;
