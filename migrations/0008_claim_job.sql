-- Description: Workers claim jobs without waiting for each other

CREATE FUNCTION claim_job(worker text) RETURNS SETOF jobs
LANGUAGE sql AS $$
    UPDATE jobs
    SET claimed_by = worker, claimed_at = now(), attempts = attempts + 1
    WHERE id = (
        SELECT id
        FROM jobs
        WHERE claimed_at IS NULL AND finished_at IS NULL AND run_at <= now() AND attempts < max_attempts
        ORDER BY run_at, id
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    )
    RETURNING *
$$;

COMMENT ON FUNCTION claim_job(text) IS 'the next job that is due, claimed for this worker; no row if there is none';
