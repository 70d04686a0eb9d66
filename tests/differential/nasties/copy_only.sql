COPY pg_catalog.pg_description FROM stdin;
\.
