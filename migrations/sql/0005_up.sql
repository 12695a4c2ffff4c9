-- A line shows the money of one event: a try that brought money twice is matched twice, and a refund is matched too.
ALTER TABLE matches ADD COLUMN event_id bigint;

UPDATE matches m SET event_id = found.id
FROM (
    SELECT DISTINCT ON (e.data ->> 'attempt_id') e.data ->> 'attempt_id' AS attempt_id, e.id
    FROM events e
    WHERE e.type IN ('payment.succeeded', 'payment.double_paid')
    ORDER BY e.data ->> 'attempt_id', e.id
) AS found
WHERE found.attempt_id = m.attempt_id;

CREATE UNIQUE INDEX uq_matches_event_id ON matches (event_id) WHERE event_id IS NOT NULL;
DROP INDEX uq_matches_attempt_id;

-- Money of a day that no line has shown yet, when the day was closed.
ALTER TABLE day_closes ADD COLUMN in_transit_vnd bigint NOT NULL DEFAULT 0;
