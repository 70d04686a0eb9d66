-- Every form of dollar quote, and what only looks like one.
CREATE TABLE t (id int, a text);
INSERT INTO t VALUES (1, $$plain; with 'quotes' and "doubles"$$), (2, $a$inner $$ and $b$ ; $a$), (3, $$$$), (4, $é_1$naïve; $é$ $é_1$);
INSERT INTO t VALUES (5, $_$under$_$), (6, $A$a $a$ is not the end;$A$), (7, $$a$b$$), (8, $q$
-- no comment; /* neither
$q$);
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS $_1$SELECT $1 + 1;$_1$;
