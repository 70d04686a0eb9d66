CREATE TABLE t (a text);
DO $x$ BEGIN NULL; END $y$;
