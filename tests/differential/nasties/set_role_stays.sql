CREATE ROLE differential_a;
GRANT CREATE ON SCHEMA public TO differential_a;
SET ROLE differential_a;
CREATE TABLE public.t (a int);
