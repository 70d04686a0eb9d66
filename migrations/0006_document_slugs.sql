-- Description: Documents get readable addresses

-- While this release rolls out, the one before it still writes documents without a slug; so it may be NULL until 0010.
ALTER TABLE documents ADD COLUMN slug text;

CREATE FUNCTION slug_of(title text, id bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT concat_ws('-', nullif(trim('-' FROM words), ''), id::text)
    FROM regexp_replace(
        translate(lower(replace(title, 'ß', 'ss')), 'ÄÖÜÉÈÊÇÑäöüéèêçñ', 'aoueeecnaoueeecn'),
        '[^a-z0-9]+', '-', 'g'
    ) AS words
$$;

COMMENT ON FUNCTION slug_of(text, bigint) IS '“Grüße aus Köln!”, 7 -> grusse-aus-koln-7; the id makes it unique';

UPDATE documents SET slug = slug_of(title, id);

CREATE UNIQUE INDEX documents_slug_key ON documents (slug);
