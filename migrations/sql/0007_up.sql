-- What each try asks for, and what it is shown as: a QR code's text, or a code to give at a counter.
-- asked_vnd is null for tries from before, which ask for the whole of their payment.
ALTER TABLE attempts ADD COLUMN asked_vnd bigint;
ALTER TABLE attempts ADD COLUMN qr_payload text;
ALTER TABLE attempts ADD COLUMN pay_code text;

-- Whether a payment is of the case's own fee lines, and changes with them while it is open.
ALTER TABLE payments ADD COLUMN follows_case boolean NOT NULL DEFAULT false;

-- A payment order in one round trip. Verdicts: created, replayed, conflict, no_case, not_payable.
CREATE OR REPLACE FUNCTION create_payment(
    _portal_id text, _reference text, _fingerprint text, _order_code text, _case_code text, _lines jsonb,
    _payer_sealed bytea, _return_url text, _token text, _now timestamptz, _expires_at timestamptz,
    _payable_from text[], _cause text, _wanted_provider text
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
                              amount_vnd, lines, payer_sealed, return_url, token, created_at, expires_at,
                              wanted_provider, follows_case)
        VALUES (_portal_id, _reference, _fingerprint, _order_code, _case_code, c.agency_code, 'created',
                _amount_vnd, _owed, _payer_sealed, _return_url, _token, _now, _expires_at, _wanted_provider,
                _lines IS NULL)
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

-- What a provider says of one attempt, whether it called us or we asked: recorded and acted on at once.
-- Answers: ok, duplicate, unknown_order, wrong_amount, number_reused. With _any_amount the money is on an account of ours
-- whatever we say, so any sum of it counts: too little leaves a shortfall, too much is owed back. The rows are locked before anything is written, so that
-- the transaction id, and with it the order of the events, follows the order of the changes.
CREATE FUNCTION record_report(
    _source text, _method text, _path text, _query bytea, _headers jsonb, _body bytea,
    _provider text, _reference text, _outcome text, _amount_vnd bigint, _currency text,
    _provider_ref text, _code text, _occurred_at timestamptz, _received_at timestamptz,
    _pay_from text[], _fail_from text[], _see_from text[], _attempt_fail_from text[],
    _over text[], _any_amount boolean
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    att attempts;
    pay payments;
    _answer text := 'ok';
    _inbox_id bigint;
    _event_id bigint;
    _to_state text;
    _type text;
    _asked_vnd bigint;
    _missing_vnd bigint;
    _short_vnd bigint;
    _happened_at timestamptz := least(coalesce(_occurred_at, _received_at), _received_at);
BEGIN
    SELECT a.* INTO att FROM attempts a WHERE a.provider = _provider AND a.reference = _reference;
    IF FOUND THEN
        SELECT p.* INTO pay FROM payments p WHERE p.id = att.payment_id FOR UPDATE;
        SELECT a.* INTO att FROM attempts a WHERE a.id = att.id FOR UPDATE;
        _asked_vnd := coalesce(att.asked_vnd, pay.amount_vnd);
    END IF;
    IF _outcome = 'paid' AND att.state = 'succeeded' AND _provider_ref NOT LIKE 'statement:%' THEN
        -- money that the bank's statement told of first: now its provider does, and from now on it goes by that number
        IF EXISTS (SELECT FROM attempts o WHERE o.provider = _provider AND o.provider_ref = _provider_ref)
           OR EXISTS (SELECT FROM obligations o WHERE o.provider = _provider AND o.provider_ref = _provider_ref) THEN
            NULL;
        ELSIF att.provider_ref LIKE 'statement:%' AND _amount_vnd = (
              SELECT s.amount_vnd FROM statement_lines s WHERE s.id = substr(att.provider_ref, 11)::bigint) THEN
            UPDATE attempts SET provider_ref = _provider_ref WHERE id = att.id;
            UPDATE obligations SET provider_ref = _provider_ref
            WHERE provider = _provider AND provider_ref = att.provider_ref;
            att.provider_ref := _provider_ref;
        ELSE
            UPDATE obligations SET provider_ref = _provider_ref WHERE id = (
                SELECT o.id FROM obligations o JOIN statement_lines s ON 'statement:' || s.id = o.provider_ref
                WHERE o.payment_id = pay.id AND o.provider = _provider AND s.amount_vnd = _amount_vnd
                ORDER BY o.created_at, o.id LIMIT 1);
        END IF;
    END IF;

    _answer := CASE
        WHEN att.id IS NULL THEN 'unknown_order'
        -- what is told again is told of the sum that was asked for then, which may be another one now
        WHEN _outcome = 'paid' AND att.state = 'succeeded' AND _currency = 'VND' AND (
             (att.provider_ref = _provider_ref AND att.paid_vnd = _amount_vnd)
             OR EXISTS (SELECT FROM events e WHERE e.case_code = pay.case_code AND e.subject_id = pay.id
                        AND e.data ->> 'attempt_id' = att.id AND e.data ->> 'number' = _provider_ref
                        AND (e.data ->> 'amount_vnd')::bigint = _amount_vnd)) THEN 'duplicate'
        WHEN _outcome = 'paid' AND (coalesce(_amount_vnd, 0) <= 0 OR _currency <> 'VND') THEN 'wrong_amount'
        WHEN NOT _any_amount AND _amount_vnd IS NOT NULL AND _amount_vnd <> _asked_vnd THEN 'wrong_amount'
        -- one number is one transaction: money that is counted for another try is not counted a second time
        WHEN _outcome = 'paid' AND (
            EXISTS (SELECT FROM attempts o
                    WHERE o.provider = _provider AND o.provider_ref = _provider_ref AND o.id <> att.id)
            OR EXISTS (SELECT FROM obligations o
                       WHERE o.provider = _provider AND o.provider_ref = _provider_ref AND o.payment_id <> pay.id)
            ) THEN 'number_reused'
        -- without a number of its own a success cannot be told from the one that is known
        WHEN _outcome = 'paid' AND att.state = 'succeeded'
             AND (_provider_ref IS NULL OR att.provider_ref IS NULL OR att.provider_ref = _provider_ref)
            THEN 'duplicate'
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

    IF _answer IN ('wrong_amount', 'number_reused') OR _outcome = 'unknown'
       OR (_answer = 'unknown_order' AND _outcome = 'paid') THEN
        INSERT INTO alarms (name, subject, detail)
        VALUES (CASE WHEN _answer = 'wrong_amount' AND _currency <> 'VND' THEN 'wrong_currency'
                     WHEN _answer = 'wrong_amount' THEN 'wrong_amount'
                     WHEN _answer = 'unknown_order' THEN 'unknown_order'
                     WHEN _answer = 'number_reused' THEN 'provider_number_reused' ELSE 'unknown_code' END,
                _provider || ':' || _reference, 'code ' || _code || ', inbox ' || coalesce(_inbox_id::text, '-'))
        ON CONFLICT DO NOTHING;
    END IF;
    IF _answer = 'duplicate' AND _outcome = 'paid' AND att.provider_ref IS NULL THEN
        UPDATE attempts SET provider_ref = _provider_ref WHERE id = att.id;
    END IF;
    IF _answer <> 'ok' THEN
        RETURN _answer;
    END IF;

    IF _outcome = 'paid' THEN
        _to_state := pay.state;
        _missing_vnd := pay.amount_vnd - (pay.paid_vnd - pay.refunded_vnd + _amount_vnd);
        IF NOT pay.state = ANY (_pay_from) THEN
            -- a refund of a part may have left something missing though it was paid: that comes first
            SELECT sum(amount_vnd) INTO _short_vnd FROM obligations
            WHERE payment_id = pay.id AND kind = 'shortfall' AND settled_at IS NULL;
            _missing_vnd := coalesce(_short_vnd - _amount_vnd, _missing_vnd);
        END IF;
        _type := CASE WHEN _short_vnd IS NOT NULL THEN 'payment.part_paid'
                      WHEN NOT pay.state = ANY (_pay_from) THEN 'payment.double_paid'
                      WHEN _missing_vnd > 0 THEN 'payment.part_paid' ELSE 'payment.succeeded' END;
        IF _type = 'payment.succeeded' THEN
            UPDATE payments SET state = 'paid', version = version + 1, paid_vnd = paid_vnd + _amount_vnd,
                   paid_at = _happened_at, provider = _provider
            WHERE id = pay.id;
            _to_state := 'paid';
        ELSIF _type = 'payment.part_paid' AND pay.state = ANY (_see_from) AND NOT EXISTS (
              SELECT FROM attempts o WHERE o.payment_id = pay.id AND o.state = 'unknown' AND o.id <> att.id) THEN
            UPDATE payments SET state = 'pending', version = version + 1, paid_vnd = paid_vnd + _amount_vnd
            WHERE id = pay.id;
            _to_state := 'pending';
        ELSE
            UPDATE payments SET version = version + 1, paid_vnd = paid_vnd + _amount_vnd WHERE id = pay.id;
        END IF;
        IF pay.paid_vnd > 0 AND _type <> 'payment.double_paid' THEN
            -- what was missing has come, or is another sum now; what was to go back unless it came is used
            UPDATE obligations SET settled_at = _received_at WHERE payment_id = pay.id AND settled_at IS NULL
            AND (kind = 'shortfall' OR (kind = 'part_unused' AND _type = 'payment.succeeded'));
        END IF;
        -- the money is real and belongs to someone: what is too much is owed back, never swallowed. Each success but the
        -- first of a try stands here under its number, which repetitions of it are known by
        IF _type <> 'payment.succeeded' OR _missing_vnd < 0 OR att.state = 'succeeded' THEN
            INSERT INTO obligations (kind, payment_id, amount_vnd, provider, provider_ref, owner, due_at, settled_at)
            SELECT kind, pay.id,
                   CASE kind WHEN 'shortfall' THEN _missing_vnd
                             WHEN 'refund_due' THEN least(_amount_vnd, CASE _type WHEN 'payment.double_paid'
                                                          THEN _amount_vnd ELSE - _missing_vnd END)
                             ELSE _amount_vnd END,
                   _provider, coalesce(_provider_ref, _reference), 'finance', _received_at + interval '5 days',
                   CASE kind WHEN 'part' THEN _received_at END
            FROM (SELECT CASE WHEN _type = 'payment.double_paid' OR _missing_vnd < 0 THEN 'refund_due'
                              WHEN _type = 'payment.succeeded' OR _missing_vnd = 0 THEN 'part'
                              WHEN pay.state = ANY (_over) THEN 'part_unused'
                              ELSE 'shortfall' END AS kind) AS owed;
        END IF;
        UPDATE attempts SET state = 'succeeded', code = _code, paid_vnd = coalesce(paid_vnd, 0) + _amount_vnd,
               paid_at = coalesce(paid_at, _happened_at),
               -- the first success has the name that repetitions of it are known by
               provider_ref = CASE WHEN att.state = 'succeeded' THEN provider_ref
                                   ELSE coalesce(_provider_ref, provider_ref) END
        WHERE id = att.id;
        INSERT INTO events (occurred_at, portal_id, case_code, subject_kind, subject_id, type,
                            from_state, to_state, version, actor, cause, data)
        VALUES (_happened_at, pay.portal_id, pay.case_code, 'payment', pay.id,
                _type,
                pay.state, _to_state, pay.version + 1, 'provider:' || _provider,
                coalesce('inbox:' || _inbox_id, _source),
                jsonb_build_object('attempt_id', att.id, 'provider', _provider, 'amount_vnd', _amount_vnd,
                                   'received_vnd', pay.amount_vnd - _missing_vnd,
                                   'number', coalesce(_provider_ref, _reference)))
        RETURNING id INTO _event_id;
        INSERT INTO ledger (event_id, account, debit_vnd, credit_vnd, booked_on)
        VALUES (_event_id, 'provider:' || _provider, _amount_vnd, 0,
                (_happened_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date),
               (_event_id, 'collected:' || pay.agency_code, 0, _amount_vnd,
                (_happened_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date);
    ELSIF _outcome IN ('failed', 'pending') THEN
        IF _outcome = 'failed' THEN
            UPDATE attempts SET state = 'failed', code = _code
            WHERE id = att.id AND state = ANY (_attempt_fail_from);
        ELSE
            UPDATE attempts SET state = 'sent', sent_at = coalesce(sent_at, _received_at)
            WHERE id = att.id AND state = 'unknown';
        END IF;
        -- while one try is unclear the money is; a failure counts only when no other try may still bring the money, and
        -- none has brought a part of it
        _to_state := CASE
            WHEN EXISTS (SELECT FROM attempts o WHERE o.payment_id = pay.id AND o.state = 'unknown') THEN NULL
            WHEN _outcome = 'failed' AND pay.state = ANY (_fail_from) AND pay.paid_vnd <= pay.refunded_vnd AND NOT EXISTS (
                SELECT FROM attempts o WHERE o.payment_id = pay.id AND o.id <> att.id
                AND o.state IN ('intended', 'sent')) THEN 'failed'
            WHEN pay.state = ANY (_see_from) THEN 'pending'
        END;
        IF _to_state IS NOT NULL THEN
            UPDATE payments SET state = _to_state, version = version + 1 WHERE id = pay.id;
            INSERT INTO events (occurred_at, portal_id, case_code, subject_kind, subject_id, type,
                                from_state, to_state, version, actor, cause, data)
            VALUES (_happened_at, pay.portal_id, pay.case_code, 'payment', pay.id,
                    CASE _to_state WHEN 'failed' THEN 'payment.failed' ELSE 'payment.seen' END,
                    pay.state, _to_state, pay.version + 1, 'provider:' || _provider,
                    coalesce('inbox:' || _inbox_id, _source),
                    jsonb_build_object('attempt_id', att.id, 'provider', _provider, 'code', _code));
        END IF;
    END IF;
    RETURN _answer;
END $$;

-- The release before this one still calls it so while the new one is rolled out: as it did, without other sums.
CREATE OR REPLACE FUNCTION record_report(
    _source text, _method text, _path text, _query bytea, _headers jsonb, _body bytea,
    _provider text, _reference text, _outcome text, _amount_vnd bigint, _currency text,
    _provider_ref text, _code text, _occurred_at timestamptz, _received_at timestamptz,
    _pay_from text[], _fail_from text[], _see_from text[], _attempt_fail_from text[]
) RETURNS text LANGUAGE sql AS $$
    SELECT record_report(_source, _method, _path, _query, _headers, _body, _provider, _reference, _outcome, _amount_vnd,
                         _currency, _provider_ref, _code, _occurred_at, _received_at, _pay_from, _fail_from, _see_from,
                         _attempt_fail_from, ARRAY['expired', 'cancelled'], false);
$$;
