CREATE TABLE t (a int, j jsonb);
INSERT INTO t VALUES (1, '{"a;": [1, {"b": 2}]}');
SELECT j -> 'a;' -> 1 ->> 'b', j #> '{a;,0}', j @> '{}', j ? 'a;', j ?| array['x;'], j - 'a;', j || '{}' FROM t;
SELECT 1 <> 2, 1 != 2, 2 ^ 3, |/ 4, 5 % 2, 5 & 1, 5 # 1, ~1, 1 << 2, 'a' ~ 'a;', 'a' !~* ';', 'a' ~~ '%;' FROM t;
SELECT a <=-1, a =-1, a*-1 FROM t;
