-- Description: Sessions of the people who are signed in

-- The cookie holds the token, the table only its hash: who reads the table cannot sign in with it.
CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY,
    user_id    bigint NOT NULL CONSTRAINT sessions_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT sessions_expire_later CHECK (expires_at > created_at)
);

CREATE INDEX sessions_user_idx ON sessions (user_id);

CREATE VIEW active_sessions AS
SELECT s.token_hash, s.expires_at, u.id AS user_id, u.email, u.name
FROM sessions AS s
JOIN users AS u ON u.id = s.user_id
WHERE s.expires_at > now();
