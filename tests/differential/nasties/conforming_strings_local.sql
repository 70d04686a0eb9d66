CREATE TABLE t (a text);
SET LOCAL standard_conforming_strings TO 'off';
SET LOCAL escape_string_warning TO off;
INSERT INTO t VALUES ('a\';b');
SAVEPOINT s;
INSERT INTO t VALUES ('c\';d');
RELEASE s;
RESET standard_conforming_strings;
INSERT INTO t VALUES ('a\'); INSERT INTO t VALUES ('b\');
