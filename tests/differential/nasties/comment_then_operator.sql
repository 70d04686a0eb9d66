CREATE TABLE t (a int, b text);
INSERT INTO t VALUES (1--2
+2, 'x'/*;*/||'y'), (4*/* ; */2, 'a'||--;
'b'), (- -3, '');
SELECT 1 */*;*/ 2, 2 -/*;*/- 1, 3 +-- ;
4;
SELECT @ -5 FROM (SELECT 1) x WHERE 1<>-1 AND 1 <-- ;
2;
CREATE FUNCTION ff(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1 + $2';
CREATE OPERATOR <-> (LEFTARG = int, RIGHTARG = int, FUNCTION = ff);
CREATE OPERATOR @#@ (LEFTARG = int, RIGHTARG = int, FUNCTION = ff);
INSERT INTO t SELECT 1@#@2, '1'; INSERT INTO t SELECT 1<->2/*;*/, '2';
