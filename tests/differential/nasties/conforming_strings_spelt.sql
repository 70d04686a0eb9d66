CREATE TABLE t (a text);
SET SESSION Standard_Conforming_Strings TO OFF;
SET "escape_string_warning" = 'off';
INSERT INTO t VALUES ('a\';b');
SET standard_conforming_strings TO DEFAULT;
INSERT INTO t VALUES ('c\');
set /* x */ standard_conforming_strings -- y
= false;
INSERT INTO t VALUES ('a\';b');
SET standard_conforming_strings = 1;
INSERT INTO t VALUES ('c\');
SET standard_conforming_strings = 'of';
INSERT INTO t VALUES ('a\';b');
RESET ALL;
INSERT INTO t VALUES ('c\');
