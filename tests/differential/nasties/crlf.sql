-- windows
CREATE TABLE t (a text, -- a;
 b text);
INSERT INTO t VALUES ('two
lines;', 'x'
'y');
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  RETURN 1;
END $$;
SELECT f();

