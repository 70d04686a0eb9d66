-- A COMMIT inside fails in psql's transaction, and in onward's.
CREATE TABLE t (a int);
CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (1); COMMIT; END $$;
CALL p();
