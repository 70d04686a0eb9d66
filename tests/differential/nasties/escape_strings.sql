CREATE TABLE t (a text);
INSERT INTO t VALUES (E'a\'b; c'), (E'\\'), (e'\\\';'), ('\'), ('a\'), (E'\u00e9\n\t\x41\101'), (E'');
INSERT INTO t VALUES ('std\'
'still;'), ('a' -- comment; '
'b;'), (E'one;'
'two;');
INSERT INTO t VALUES ('it''s; '), (''''), (''';'''), (E'''\'');
