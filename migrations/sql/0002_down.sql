DROP TRIGGER events_append_only ON events;
DROP TRIGGER ledger_append_only ON ledger;
DROP TRIGGER ledger_balanced ON ledger;
DROP FUNCTION create_payment, record_report, put_job, next_case_number, ledger_must_balance, refuse_change;
DROP TABLE matches, webhook_attempts, receipts, obligations, attempts, webhook_messages, payments, deliveries, case_transitions, case_documents, webhook_endpoints, statement_lines, portal_keys, cases, track_tries, statements, receipt_series, portals, parcel_events, nonces, ledger, inbox, events, day_closes, cursors, case_counters, calls, alarms;
DROP FUNCTION new_id;
