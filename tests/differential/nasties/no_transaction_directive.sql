-- onward: no-transaction
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
DO $$ BEGIN INSERT INTO t VALUES (2); END $$;
