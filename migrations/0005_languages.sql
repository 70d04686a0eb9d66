-- Description: Everybody chooses a language

CREATE TABLE languages (
    code text PRIMARY KEY CONSTRAINT languages_code_shape CHECK (code ~ '^[a-z]{2,3}$'),
    name text NOT NULL
);

COMMENT ON COLUMN languages.name IS 'in the language itself: “Français”, not “French”';

INSERT INTO languages (code, name) VALUES
    ('en', 'English'),
    ('de', 'Deutsch'),
    ('fr', 'Français'),
    ('el', 'Ελληνικά'),
    ('ja', '日本語');

-- A constant default costs no rewrite of the table.
ALTER TABLE users
    ADD COLUMN language text NOT NULL DEFAULT 'en'
        CONSTRAINT users_language_fkey REFERENCES languages (code);
