CREATE TABLE t (a text);
SET backslash_quote = off;
INSERT INTO t VALUES (E'a\'b');
