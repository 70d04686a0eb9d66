CREATE TABLE t (a int);
\q
this is not SQL
