CREATE TABLE t (


    a text


);

INSERT INTO t

VALUES ('blank


lines'), ($$and


more$$),

('end');
SELECT 1

+

2;
