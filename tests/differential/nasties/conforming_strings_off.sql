CREATE TABLE t (a text);
SET standard_conforming_strings = off;
SET escape_string_warning = off;
INSERT INTO t VALUES ('a\'b; c'), ('\\'), ('it''s\';'), (E'\\');
INSERT INTO t VALUES ('x\\'); INSERT INTO t VALUES ('y''\\;');
SET standard_conforming_strings = on;
INSERT INTO t VALUES ('a\'); INSERT INTO t VALUES ('b\');
