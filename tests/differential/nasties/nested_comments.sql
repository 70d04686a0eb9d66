/* a /* b /* c; */ ' */ " */ CREATE /* ; */ TABLE t /*/* ; */*/ (a int); /* -- */ INSERT INTO t VALUES (1);
/**/ INSERT INTO t /***/ VALUES (2) /****/; /* // /**/ ; */
INSERT INTO t VALUES (3) -- /* not opened
;
-- */ INSERT INTO t VALUES (99);
INSERT INTO t VALUES (4); --
--
/* ends at the end; */
