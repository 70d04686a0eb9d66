-- A server before 17 does not know the setting, so psql fails where onward does not.
SET transaction_timeout = 0;
CREATE TABLE t (a int);
