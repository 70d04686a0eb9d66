CREATE FUNCTION outer_f() RETURNS text LANGUAGE plpgsql AS $outer$
DECLARE s text;
BEGIN
    EXECUTE $inner$CREATE TABLE made (a text DEFAULT $$a;b$$);$inner$;
    s := $x$ $outer $ $x$ || 'it''s; fine';
    RETURN s; -- $outer
END;
$outer$;
SELECT outer_f();
DO $do$ BEGIN PERFORM $$;$$; IF true THEN NULL; END IF; END $do$;
