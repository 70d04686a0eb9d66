CREATE SCHEMA a; CREATE SCHEMA b;
SET search_path = a;
CREATE TABLE t (x int);
SET LOCAL search_path TO b, a;
CREATE TABLE t (y int);
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE a.u (x int);
SET search_path = "$user", public;
CREATE TABLE v (x int);
