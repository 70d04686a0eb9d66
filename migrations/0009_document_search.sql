-- Description: Full-text search in documents
-- onward: statement-timeout 10s

-- A stored column rewrites the table and blocks it meanwhile: rather fail than hold everybody up for longer than that.
ALTER TABLE documents
    ADD COLUMN search tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('simple', title), 'A') || setweight(to_tsvector('simple', body), 'B')
    ) STORED;

CREATE INDEX documents_search_idx ON documents USING gin (search);
