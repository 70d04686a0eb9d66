-- As pg_dump -n public --clean --if-exists writes it.
DROP SCHEMA IF EXISTS public;
CREATE SCHEMA public;
COMMENT ON SCHEMA public IS 'standard public schema';
CREATE TABLE public.t (a int);
