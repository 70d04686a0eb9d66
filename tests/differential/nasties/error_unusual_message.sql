DO $$ BEGIN RAISE EXCEPTION E'two\nlines; and "quotes" é' USING DETAIL = 'more', HINT = 'try'; END $$;
