-- Names that look like the words of a body.
CREATE TABLE "case" ("end" int, "begin" int, atomic int);
CREATE TABLE atomic (begin int, "case" int);
CREATE FUNCTION begin(atomic int) RETURNS int LANGUAGE sql AS 'SELECT 1;';
CREATE FUNCTION f(begin int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT begin + "case"."end" FROM "case"; SELECT 1; END;
CREATE FUNCTION g() RETURNS SETOF int LANGUAGE sql BEGIN ATOMIC SELECT t."case" AS x FROM atomic t; INSERT INTO atomic (begin) VALUES (1) RETURNING begin; END;
SELECT begin(1);
