-- Description: A queue of jobs for the workers

CREATE TABLE jobs (
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
CREATE INDEX jobs_waiting_idx ON jobs (run_at, id) WHERE claimed_at IS NULL AND finished_at IS NULL;

COMMENT ON COLUMN jobs.payload IS 'arguments of the job; their shape belongs to its kind';
