BEGIN;
CREATE TABLE t (a text);
SET LOCAL standard_conforming_strings = off;
SET LOCAL escape_string_warning = off;
INSERT INTO t VALUES ('a\';b');
COMMIT;
BEGIN;
INSERT INTO t VALUES ('a\'); INSERT INTO t VALUES ('b\');
COMMIT;
