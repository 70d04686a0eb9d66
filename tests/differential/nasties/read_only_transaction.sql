CREATE TABLE t (a int);
SET transaction_read_only = on;
