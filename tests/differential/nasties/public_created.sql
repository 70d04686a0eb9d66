-- As pg_dump -n public writes it.
CREATE SCHEMA public;
CREATE TABLE public.t (a int);
