CREATE ROLE differential_a;
CREATE SCHEMA s AUTHORIZATION differential_a;
SET SESSION AUTHORIZATION differential_a;
CREATE TABLE s.t (a int);
VACUUM s.t;
