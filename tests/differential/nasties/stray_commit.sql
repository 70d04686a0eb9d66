CREATE TABLE t (a int);
COMMIT;
CREATE TABLE u (a int);
