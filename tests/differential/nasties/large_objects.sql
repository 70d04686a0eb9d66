SELECT lo_create(4242);
SELECT lo_from_bytea(4243, '\x3b3b27');
ALTER LARGE OBJECT 4242 OWNER TO postgres;
