CREATE TABLE t (a interval, b text);
INSERT INTO t VALUES (interval '1;' day, cast(';' AS text)), ('1 day'::interval, ';'::varchar(3));
SELECT extract(epoch FROM a), a::text COLLATE "C", b LIKE '%;' ESCAPE '\' FROM t;
SELECT substring('a;b' FROM '#";#"' FOR '#'), position(';' IN b), overlay('a;b' PLACING ';' FROM 1 FOR 1) FROM t;
