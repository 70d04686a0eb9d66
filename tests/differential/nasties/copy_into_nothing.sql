COPY nothing FROM stdin;
1
\.
SELECT 1;
