CREATE TABLE t (a int);
CREATE DATABASE "differential;x";
ALTER DATABASE "differential;x" SET work_mem = '5MB';
DROP DATABASE "differential;x" WITH (FORCE);
DROP DATABASE IF EXISTS differential_y;
