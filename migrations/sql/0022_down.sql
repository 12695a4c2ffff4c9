DROP TABLE case_times;
DROP TRIGGER certified_outages_append_only ON certified_outages;
DROP TABLE certified_outages;
