SET lock_timeout = '3s';
SET statement_timeout = '1min';
CREATE TABLE t AS SELECT current_setting('lock_timeout') AS l, current_setting('statement_timeout') AS s;
