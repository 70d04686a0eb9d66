SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.schema_migrations (version character varying NOT NULL);
CREATE TABLE public.t (a int);
ALTER TABLE ONLY public.schema_migrations ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);
INSERT INTO public.schema_migrations (version) VALUES ('1'), ('2');
COPY public.schema_migrations (version) FROM stdin;
3
\.
