-- What psql could take for its variables, were they set.
CREATE TABLE t (a int[], n text);
INSERT INTO t SELECT '{1,2,3}'::int[], 'x'::text;
SELECT a[n1:n2], a [1 :n2] FROM t, (SELECT 1 AS n1, 2 AS n2) s;
SELECT ':name', ':''name''', "n"::text, $$:name :'name' :"name"$$ FROM t;
DO $$ DECLARE x int := 1; BEGIN x:=2; x := x + 1; END $$;
CREATE FUNCTION f(a int) RETURNS int LANGUAGE plpgsql AS 'begin a:=a; return a; end';
SELECT f(a:=1), f(a => 2);
