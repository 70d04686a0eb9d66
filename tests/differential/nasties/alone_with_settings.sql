-- What is set stays set from step to step.
CREATE SCHEMA s;
SET search_path = s;
SET default_statistics_target = 7;
CREATE TABLE t (a int);
VACUUM t;
CREATE TABLE u AS SELECT current_setting('default_statistics_target') AS target, current_schema() AS home;
CREATE INDEX CONCURRENTLY ON t (a);
