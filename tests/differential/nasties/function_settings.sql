-- A setting of a function is none of the file's.
CREATE FUNCTION f() RETURNS text LANGUAGE sql SET standard_conforming_strings TO off SET client_encoding TO 'LATIN1' AS $$ SELECT 'a'::text $$;
CREATE TABLE t (a text);
INSERT INTO t VALUES ('a\'); INSERT INTO t VALUES ('b\');
