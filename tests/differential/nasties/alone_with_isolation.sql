CREATE TABLE t (a text);
VACUUM t;
SET default_transaction_isolation = 'serializable';
INSERT INTO t SELECT current_setting('transaction_isolation');
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, DEFERRABLE;
INSERT INTO t SELECT current_setting('transaction_isolation');
