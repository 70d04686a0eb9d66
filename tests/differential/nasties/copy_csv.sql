CREATE TABLE t (a int, b text);
COPY t FROM STDIN WITH (FORMAT csv, HEADER);
a,b
1,"two
lines; 'and' quotes"
2,"a ""quoted"" ; one"
3,"a line that begins

\. but goes on"
4,
5,""
\.
COPY t (b, a) FROM stdin CSV QUOTE '''' DELIMITER ';';
'x;y';6
'it''s
over';7
\.
