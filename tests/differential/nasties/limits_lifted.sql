SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout TO '0';
SET transaction_timeout = 0;
CREATE TABLE t (a int);
