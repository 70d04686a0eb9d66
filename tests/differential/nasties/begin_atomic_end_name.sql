-- END behind AS or a dot is a name for the server; psql counts it as the end of the body.
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 AS end; END;
SELECT f();
