-- Tables and columns that look like the words of COPY.
CREATE TABLE "from" (stdin int); CREATE TABLE stdin (a int); CREATE TABLE copy (a text);
COPY "from" (stdin) FROM stdin;
1
\.
COPY stdin FROM stdin;
2
\.
COPY copy FROM STDIN WITH DELIMITER ';';
copy from stdin
\.
INSERT INTO copy SELECT 'from' FROM stdin;
