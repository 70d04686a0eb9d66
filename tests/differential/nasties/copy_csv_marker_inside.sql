-- psql ends the data at \. on its own line, even inside a quoted value.
CREATE TABLE t (a int, b text);
COPY t FROM STDIN WITH (FORMAT csv);
1,"begins
\.
