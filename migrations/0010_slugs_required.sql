-- Description: Every document has a readable address

-- The release that wrote documents without a slug is gone; these are the last of them.
UPDATE documents SET slug = slug_of(title, id) WHERE slug IS NULL;

ALTER TABLE documents ALTER COLUMN slug SET NOT NULL;
