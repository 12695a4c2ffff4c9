ALTER TABLE day_closes DROP COLUMN in_transit_vnd;

-- A try is matched once: a line of its second success keeps its kind and names no try.
UPDATE matches m SET attempt_id = NULL
WHERE EXISTS (SELECT FROM matches o WHERE o.attempt_id = m.attempt_id AND o.line_id < m.line_id);
CREATE UNIQUE INDEX uq_matches_attempt_id ON matches (attempt_id) WHERE attempt_id IS NOT NULL;

DROP INDEX uq_matches_event_id;
ALTER TABLE matches DROP COLUMN event_id;
