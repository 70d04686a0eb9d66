-- Behind a line end an escape string goes on as one, for the server; psql has forgotten that.
CREATE TABLE t (a text);
INSERT INTO t VALUES (E'one;'
'two\';'), ('std\'), ('x');
