-- The schema of the example: what migrations 0001 to 0004 build, in one file.
--
-- Every statement does nothing where its object already stands, so the file may meet an empty database, one that it
-- made before, or one that migrations made. Newer migrations are run after it.
--
-- onward: baseline through 0004

-- Users

CREATE TABLE IF NOT EXISTS users (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email      text NOT NULL CONSTRAINT users_email_shape CHECK (email LIKE '_%@_%'),
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Ann@example.org and ann@example.org are one person.
CREATE UNIQUE INDEX IF NOT EXISTS users_email_key ON users (lower(email));

-- Sessions

-- The cookie holds the token, the table only its hash: who reads the table cannot sign in with it.
CREATE TABLE IF NOT EXISTS sessions (
    token_hash bytea PRIMARY KEY,
    user_id    bigint NOT NULL CONSTRAINT sessions_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT sessions_expire_later CHECK (expires_at > created_at)
);

CREATE INDEX IF NOT EXISTS sessions_user_idx ON sessions (user_id);

CREATE OR REPLACE VIEW active_sessions AS
SELECT s.token_hash, s.expires_at, u.id AS user_id, u.email, u.name
FROM sessions AS s
JOIN users AS u ON u.id = s.user_id
WHERE s.expires_at > now();

-- Documents

-- CREATE TYPE knows no IF NOT EXISTS.
DO $$
BEGIN
    IF to_regtype('document_status') IS NULL THEN
        CREATE TYPE document_status AS ENUM ('draft', 'published', 'archived');
    END IF;
END
$$;

CREATE TABLE IF NOT EXISTS documents (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id   bigint NOT NULL CONSTRAINT documents_owner_fkey REFERENCES users (id),
    title      text NOT NULL CONSTRAINT documents_title_filled CHECK (title <> ''),
    body       text NOT NULL DEFAULT '',
    status     document_status NOT NULL DEFAULT 'draft',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS documents_owner_idx ON documents (owner_id, updated_at DESC);

CREATE OR REPLACE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS documents_set_updated_at ON documents;
CREATE TRIGGER documents_set_updated_at
BEFORE UPDATE OF title, body, status ON documents
FOR EACH ROW
EXECUTE FUNCTION set_updated_at();

-- Jobs

CREATE TABLE IF NOT EXISTS jobs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    payload     jsonb NOT NULL DEFAULT '{}',
    run_at      timestamptz NOT NULL DEFAULT now(),
    attempts    integer NOT NULL DEFAULT 0 CONSTRAINT jobs_attempts_counted CHECK (attempts >= 0),
    claimed_by  text,
    claimed_at  timestamptz,
    finished_at timestamptz,
    CONSTRAINT jobs_claim_whole CHECK ((claimed_by IS NULL) = (claimed_at IS NULL))
);

-- Workers look only at what waits; finished jobs stay out of their way.
CREATE INDEX IF NOT EXISTS jobs_waiting_idx ON jobs (run_at, id) WHERE claimed_at IS NULL AND finished_at IS NULL;

COMMENT ON COLUMN jobs.payload IS 'arguments of the job; their shape belongs to its kind';
