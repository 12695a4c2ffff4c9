DROP TABLE refunds;

DROP INDEX uq_alarms_open;
DELETE FROM alarms a USING alarms b WHERE a.name = b.name AND a.subject = b.subject AND a.id < b.id;
ALTER TABLE alarms ADD CONSTRAINT uq_alarms_name_subject UNIQUE (name, subject);
