-- A role that may not enter the schema of the history.
CREATE ROLE differential_a;
CREATE SCHEMA s AUTHORIZATION differential_a;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SET ROLE differential_a;
CREATE TABLE s.t (a int);
