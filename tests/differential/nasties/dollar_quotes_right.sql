CREATE TABLE a$b$ (c$d int);
CREATE TABLE t$1$ (x$$ int, y$$ int);
INSERT INTO a$b$ SELECT 1; INSERT INTO a$b$ SELECT 2;
PREPARE p (int) AS SELECT $1;
EXECUTE p (1);
PREPARE q (int, int) AS INSERT INTO a$b$ SELECT $1+$2 WHERE $1<$2;
EXECUTE q (1, 2);
