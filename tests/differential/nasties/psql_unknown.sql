CREATE TABLE t (a int);
\nosuchcommand
