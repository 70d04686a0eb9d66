CREATE TYPE mood AS ENUM ('sad');
CREATE TABLE t (m mood);
ALTER TYPE mood ADD VALUE 'happy';
INSERT INTO t VALUES ('happy');
