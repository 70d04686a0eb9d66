CREATE TABLE t (a text);
VACUUM t;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
INSERT INTO t VALUES ('a\';b');
VACUUM t;
INSERT INTO t VALUES ('c\'d');
RESET ALL;
INSERT INTO t VALUES ('a\'); INSERT INTO t VALUES ('b\');
