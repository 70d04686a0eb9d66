CREATE TABLE t (a int, b text, c text);
COPY t (a, b, c) FROM stdin;
1	semi;colon	it's
2	\\.	\N
3	-- no comment	/* neither
4	$$	"
5	tab\there	line\nbreak
6	é名🐘	\\
\.
INSERT INTO t VALUES (7, 'after;', '\.');
COPY t FROM STDIN (DELIMITER '|', NULL '');
8|x|
9||\|
\.
