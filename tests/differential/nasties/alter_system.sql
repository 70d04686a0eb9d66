CREATE TABLE t (a int);
ALTER SYSTEM SET work_mem = '5MB';
ALTER SYSTEM RESET work_mem;
