\if true
CREATE TABLE t (a int);
\else
CREATE TABLE u (a int);
\endif
