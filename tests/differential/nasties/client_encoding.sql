SET client_encoding = 'UTF8';
CREATE TABLE t (a text DEFAULT 'é');
SET NAMES 'UTF8';
SET client_encoding TO DEFAULT;
