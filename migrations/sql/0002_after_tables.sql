-- The rules that must hold in the database itself, and the two hot paths as one round trip each.
-- From-states are passed in by the caller, who derives them from the table of states in gateway/domain.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION ledger_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM posted GROUP BY event_id HAVING sum(debit_vnd) <> sum(credit_vnd)
    ) THEN
        RAISE EXCEPTION 'debits and credits differ' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- The next number of an agency on a day; the row lock makes it gap-free with the case that takes it.
CREATE FUNCTION next_case_number(_agency_code text, _day date) RETURNS int LANGUAGE sql AS $$
    INSERT INTO case_counters AS c (agency_code, day, last) VALUES (_agency_code, _day, 1)
    ON CONFLICT (agency_code, day) DO UPDATE SET last = c.last + 1
    RETURNING last
$$;

-- Puts a job down in the transaction of its cause.
CREATE FUNCTION put_job(_task text, _lock text, _args jsonb, _at timestamptz) RETURNS bigint
LANGUAGE sql AS $$
    SELECT (procrastinate_defer_jobs_v1(ARRAY[
        ROW('default', _task, 0, _lock, NULL, _args, _at)::procrastinate_job_to_defer_v1
    ]))[1]
$$;

-- What a provider says of one attempt, whether it called us or we asked: recorded and acted on at once.
-- Answers: ok, duplicate, unknown_order, wrong_amount. The rows are locked before anything is written, so that
-- the transaction id, and with it the order of the events, follows the order of the changes.
CREATE FUNCTION record_report(
    _source text, _method text, _path text, _query bytea, _headers jsonb, _body bytea,
    _provider text, _reference text, _outcome text, _amount_vnd bigint, _currency text,
    _provider_ref text, _code text, _occurred_at timestamptz, _received_at timestamptz,
    _pay_from text[], _fail_from text[], _see_from text[], _attempt_fail_from text[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    att attempts;
    pay payments;
    _answer text := 'ok';
    _inbox_id bigint;
    _event_id bigint;
    _to_state text;
    _happened_at timestamptz := least(coalesce(_occurred_at, _received_at), _received_at);
BEGIN
    SELECT a.* INTO att FROM attempts a WHERE a.provider = _provider AND a.reference = _reference;
    IF FOUND THEN
        SELECT p.* INTO pay FROM payments p WHERE p.id = att.payment_id FOR UPDATE;
        SELECT a.* INTO att FROM attempts a WHERE a.id = att.id FOR UPDATE;
    END IF;

    _answer := CASE
        WHEN att.id IS NULL THEN 'unknown_order'
        WHEN _outcome = 'paid' AND (_amount_vnd IS DISTINCT FROM pay.amount_vnd OR _currency <> 'VND')
            THEN 'wrong_amount'
        WHEN _amount_vnd IS NOT NULL AND _amount_vnd <> pay.amount_vnd THEN 'wrong_amount'
        WHEN _outcome = 'paid' AND att.state = 'succeeded'
             AND att.provider_ref IS NOT DISTINCT FROM _provider_ref THEN 'duplicate'
        WHEN _outcome = 'paid' AND EXISTS (
             SELECT FROM obligations o WHERE o.provider = _provider AND o.provider_ref = _provider_ref)
            THEN 'duplicate'
        WHEN _outcome = 'failed' AND att.state = 'failed' THEN 'duplicate'
        ELSE 'ok'
    END;

    IF _method IS NOT NULL THEN
        INSERT INTO inbox (source, received_at, method, path, query, headers, body, verdict, reference)
        VALUES (_source, _received_at, _method, _path, _query, _headers, _body, _answer, _reference)
        RETURNING id INTO _inbox_id;
    END IF;

    IF _answer = 'wrong_amount' OR _outcome = 'unknown' THEN
        INSERT INTO alarms (name, subject, detail)
        VALUES (CASE WHEN _answer = 'wrong_amount' THEN 'wrong_amount' ELSE 'unknown_code' END,
                _provider || ':' || _reference, 'code ' || _code || ', inbox ' || coalesce(_inbox_id::text, '-'))
        ON CONFLICT DO NOTHING;
    END IF;
    IF _answer <> 'ok' THEN
        RETURN _answer;
    END IF;

    IF _outcome = 'paid' THEN
        IF pay.state = ANY (_pay_from) THEN
            UPDATE payments SET state = 'paid', version = version + 1, paid_vnd = paid_vnd + _amount_vnd,
                   paid_at = _happened_at, provider = _provider
            WHERE id = pay.id;
            _to_state := 'paid';
        ELSE
            -- the money is real and belongs to someone: a second success is owed back, never swallowed
            UPDATE payments SET version = version + 1, paid_vnd = paid_vnd + _amount_vnd WHERE id = pay.id;
            INSERT INTO obligations (kind, payment_id, amount_vnd, provider, provider_ref, owner, due_at)
            VALUES ('refund_due', pay.id, _amount_vnd, _provider,
                    coalesce(_provider_ref, _reference), 'finance', _received_at + interval '5 days');
            _to_state := pay.state;
        END IF;
        UPDATE attempts SET state = 'succeeded', provider_ref = coalesce(provider_ref, _provider_ref),
               code = _code, paid_vnd = coalesce(paid_vnd, 0) + _amount_vnd, paid_at = _happened_at
        WHERE id = att.id;
        INSERT INTO events (occurred_at, portal_id, case_code, subject_kind, subject_id, type,
                            from_state, to_state, version, actor, cause, data)
        VALUES (_happened_at, pay.portal_id, pay.case_code, 'payment', pay.id,
                CASE WHEN pay.state = ANY (_pay_from) THEN 'payment.succeeded' ELSE 'payment.double_paid' END,
                pay.state, _to_state, pay.version + 1, 'provider:' || _provider,
                coalesce('inbox:' || _inbox_id, _source),
                jsonb_build_object('attempt_id', att.id, 'provider', _provider, 'amount_vnd', _amount_vnd))
        RETURNING id INTO _event_id;
        INSERT INTO ledger (event_id, account, debit_vnd, credit_vnd, booked_on)
        VALUES (_event_id, 'provider:' || _provider, _amount_vnd, 0,
                (_happened_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date),
               (_event_id, 'collected:' || pay.agency_code, 0, _amount_vnd,
                (_happened_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date);
    ELSIF _outcome = 'failed' THEN
        UPDATE attempts SET state = 'failed', code = _code
        WHERE id = att.id AND state = ANY (_attempt_fail_from);
        -- a failure counts for the payment only when no other try may still bring the money
        IF pay.state = ANY (_fail_from) AND NOT EXISTS (
            SELECT FROM attempts o WHERE o.payment_id = pay.id AND o.id <> att.id
            AND o.state IN ('intended', 'sent', 'unknown')
        ) THEN
            UPDATE payments SET state = 'failed', version = version + 1 WHERE id = pay.id;
            INSERT INTO events (occurred_at, portal_id, case_code, subject_kind, subject_id, type,
                                from_state, to_state, version, actor, cause, data)
            VALUES (_happened_at, pay.portal_id, pay.case_code, 'payment', pay.id, 'payment.failed',
                    pay.state, 'failed', pay.version + 1, 'provider:' || _provider,
                    coalesce('inbox:' || _inbox_id, _source),
                    jsonb_build_object('attempt_id', att.id, 'provider', _provider, 'code', _code));
        END IF;
    ELSIF _outcome = 'pending' AND pay.state = ANY (_see_from) THEN
        UPDATE attempts SET state = 'sent', sent_at = coalesce(sent_at, _received_at)
        WHERE id = att.id AND state = 'unknown';
        UPDATE payments SET state = 'pending', version = version + 1 WHERE id = pay.id;
        INSERT INTO events (occurred_at, portal_id, case_code, subject_kind, subject_id, type,
                            from_state, to_state, version, actor, cause, data)
        VALUES (_happened_at, pay.portal_id, pay.case_code, 'payment', pay.id, 'payment.seen',
                pay.state, 'pending', pay.version + 1, 'provider:' || _provider, _source,
                jsonb_build_object('attempt_id', att.id, 'provider', _provider));
    END IF;
    RETURN _answer;
END $$;

-- A payment order in one round trip. Verdicts: created, replayed, conflict, no_case, not_payable.
CREATE FUNCTION create_payment(
    _portal_id text, _reference text, _fingerprint text, _order_code text, _case_code text, _lines jsonb,
    _payer_sealed bytea, _return_url text, _token text, _now timestamptz, _expires_at timestamptz,
    _payable_from text[], _cause text
) RETURNS TABLE (verdict text, payment payments) LANGUAGE plpgsql AS $$
DECLARE
    c cases;
    made payments;
    _owed jsonb;
    _amount_vnd bigint;
BEGIN
    SELECT p.* INTO made FROM payments p WHERE p.portal_id = _portal_id AND p.reference = _reference;
    IF NOT FOUND THEN
        SELECT k.* INTO c FROM cases k WHERE k.case_code = _case_code AND k.portal_id = _portal_id;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'no_case', NULL::payments;
            RETURN;
        END IF;
        _owed := coalesce(_lines, c.fees);
        SELECT sum((line ->> 'amount_vnd')::bigint) INTO _amount_vnd FROM jsonb_array_elements(_owed) AS line;
        IF NOT c.state = ANY (_payable_from) OR coalesce(_amount_vnd, 0) <= 0 THEN
            RETURN QUERY SELECT 'not_payable', NULL::payments;
            RETURN;
        END IF;
        INSERT INTO payments (portal_id, reference, fingerprint, order_code, case_code, agency_code, state,
                              amount_vnd, lines, payer_sealed, return_url, token, created_at, expires_at)
        VALUES (_portal_id, _reference, _fingerprint, _order_code, _case_code, c.agency_code, 'created',
                _amount_vnd, _owed, _payer_sealed, _return_url, _token, _now, _expires_at)
        ON CONFLICT (portal_id, reference) DO NOTHING
        RETURNING * INTO made;
        IF FOUND THEN
            INSERT INTO events (occurred_at, portal_id, case_code, subject_kind, subject_id, type,
                                from_state, to_state, version, actor, cause, data)
            VALUES (_now, _portal_id, _case_code, 'payment', made.id, 'payment.created',
                    NULL, 'created', 1, 'portal:' || _portal_id, _cause,
                    jsonb_build_object('amount_vnd', _amount_vnd));
            PERFORM put_job('expire_payment', 'expire_payment:' || made.id, jsonb_build_object('payment_id', made.id), _expires_at);
            RETURN QUERY SELECT 'created', made;
            RETURN;
        END IF;
        -- someone else's identical or conflicting order won the race
        SELECT p.* INTO made FROM payments p WHERE p.portal_id = _portal_id AND p.reference = _reference;
    END IF;
    RETURN QUERY SELECT CASE WHEN made.fingerprint = _fingerprint THEN 'replayed' ELSE 'conflict' END, made;
END $$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_balanced AFTER INSERT ON ledger REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_must_balance();
