-- An e at the end of a name makes no escape string: type 'literal' casts.
CREATE DOMAIN stype AS text;
CREATE TABLE t (a text);
INSERT INTO t VALUES (stype 'x\'); INSERT INTO t VALUES (date '2020-01-01'); INSERT INTO t SELECT time '10:00';
INSERT INTO t VALUES (bytea '\x00'), (name '\'), (B'0101'::bit(4)::text), (X'1F'::bit(8)::text);
INSERT INTO t SELECT N'national\'; 
