-- An event trigger that keeps the text of what was run.
CREATE TABLE l (tag text, query text);
CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.l VALUES (tg_tag, current_query()); END $$;
CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION note();
CREATE TABLE t (a int);
DROP EVENT TRIGGER e;
