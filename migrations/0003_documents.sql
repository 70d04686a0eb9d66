-- Description: Documents, with the time of their last change

CREATE TYPE document_status AS ENUM ('draft', 'published', 'archived');

CREATE TABLE documents (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id   bigint NOT NULL CONSTRAINT documents_owner_fkey REFERENCES users (id),
    title      text NOT NULL CONSTRAINT documents_title_filled CHECK (title <> ''),
    body       text NOT NULL DEFAULT '',
    status     document_status NOT NULL DEFAULT 'draft',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX documents_owner_idx ON documents (owner_id, updated_at DESC);

CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE TRIGGER documents_set_updated_at
BEFORE UPDATE OF title, body, status ON documents
FOR EACH ROW
EXECUTE FUNCTION set_updated_at();
