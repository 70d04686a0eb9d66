SET default_transaction_isolation = 'serializable';
CREATE TABLE t AS SELECT current_setting('transaction_isolation') AS level;
