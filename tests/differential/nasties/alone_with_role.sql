-- The role stays set from step to step.
CREATE ROLE differential_a;
CREATE SCHEMA s AUTHORIZATION differential_a;
SET ROLE differential_a;
CREATE TABLE s.t (a int);
VACUUM s.t;
CREATE INDEX CONCURRENTLY ON s.t (a);
RESET ROLE;
CREATE TABLE u (a int);
