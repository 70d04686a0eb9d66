CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, a text DEFAULT 'd;', b date);
COPY t (a, b) FROM stdin WITH (FORMAT text, FREEZE, ENCODING 'UTF8', NULL 'nil');
x	2020-01-01
nil	nil
\.
COPY t (b) FROM stdin WITH (FORMAT csv, FORCE_NULL (b));
""
2021-02-03
\.
