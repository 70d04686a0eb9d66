-- \i in a comment
/* \connect x */
CREATE TABLE t (a text); -- \gexec
INSERT INTO t VALUES ('\i x'), ($$\q$$), (E'\\q'); /*
\q
*/
INSERT INTO t VALUES ('
\q
');
