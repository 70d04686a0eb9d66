-- Description: it's a; "test"
-- onward: lock-timeout 2s
-- onward: statement-timeout 5min
CREATE TABLE t (a int);
