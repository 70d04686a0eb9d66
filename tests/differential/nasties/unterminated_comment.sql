CREATE TABLE t (a text);
/* never closed
INSERT INTO t VALUES (1);
