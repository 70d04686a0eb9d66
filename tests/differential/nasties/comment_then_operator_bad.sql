-- !! is a user operator here, so the server objects: both sides must meet the same error.
CREATE TABLE t (a int);
SELECT 1 !! 2;
