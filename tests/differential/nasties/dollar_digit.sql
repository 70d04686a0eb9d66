-- $1$ opens nothing.
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS $1$SELECT $1 + 1;$1$;
