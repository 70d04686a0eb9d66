CREATE TABLE t (a int);
SET default_transaction_read_only = on;
INSERT INTO t VALUES (1);
