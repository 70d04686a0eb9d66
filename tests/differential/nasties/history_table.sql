-- Statements on a table of the history's name are left out.
CREATE TABLE schema_migrations (version text PRIMARY KEY);
CREATE TABLE t (a int);
INSERT INTO schema_migrations VALUES ('1');
