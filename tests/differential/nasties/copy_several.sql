CREATE TABLE t (a int); CREATE TABLE u (a text);
COPY t FROM stdin; 
1
\.
COPY u FROM stdin; -- a comment; here
COPY t FROM stdin;
\.
copy u from STDIN /* ; */ ;
SELECT 1;
\.

COPY t FROM stdin;
2
3
\.
COPY u (a) FROM stdin WHERE a <> 'no;';
yes
no;
\.
SELECT count(*) FROM t;
