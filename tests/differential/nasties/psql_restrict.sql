--
-- PostgreSQL database dump
--

\restrict abc123
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);

\unrestrict abc123

