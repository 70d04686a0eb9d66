-- Description: People who can sign in

CREATE TABLE users (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email      text NOT NULL CONSTRAINT users_email_shape CHECK (email LIKE '_%@_%'),
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Ann@example.org and ann@example.org are one person.
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
