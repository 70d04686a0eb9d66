-- What stands first in the search_path must not be met by the runner's own statements.
CREATE SCHEMA evil;
CREATE FUNCTION evil.count(anyelement) RETURNS int LANGUAGE sql AS 'SELECT 7';
CREATE FUNCTION evil.int_ne(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = textne);
SET search_path = evil, pg_catalog;
CREATE TABLE evil.t (a int);
