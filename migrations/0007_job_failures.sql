-- Description: A job that keeps failing is put aside with its last error

ALTER TABLE jobs
    ADD COLUMN max_attempts integer NOT NULL DEFAULT 5
        CONSTRAINT jobs_max_attempts_positive CHECK (max_attempts > 0),
    ADD COLUMN last_error text;

CREATE VIEW job_backlog AS
SELECT
    kind,
    count(*) FILTER (WHERE attempts < max_attempts) AS waiting,
    count(*) FILTER (WHERE attempts >= max_attempts) AS given_up,
    min(run_at) AS oldest
FROM jobs
WHERE finished_at IS NULL
GROUP BY kind;
