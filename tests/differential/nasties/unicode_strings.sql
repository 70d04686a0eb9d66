CREATE TABLE t (a text, U&"d\0061t\+000061" int);
INSERT INTO t (a) VALUES (U&'\0441\043B\043E\043D;'), (U&'d!0061t!+000061;' UESCAPE '!'), (U&'it''s \\ ;');
INSERT INTO t (a) SELECT U&'a' || u&'\0062;' FROM (SELECT 1 AS U&"x;\0079") s;
SELECT U&"\0061" FROM t;
