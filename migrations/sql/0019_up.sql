-- When the fee of a case may be paid: before, with or after its reception, or at the agency and not here.
ALTER TABLE cases ADD COLUMN pay text NOT NULL DEFAULT 'with';

-- Whether the portal keeps the documents itself, and told their hashes only.
ALTER TABLE cases ADD COLUMN keeps_documents boolean NOT NULL DEFAULT false;

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
        IF NOT c.state = ANY (_payable_from) OR coalesce(_amount_vnd, 0) <= 0 OR c.pay = 'at_agency'
           OR (c.pay = 'after' AND c.accepted_at IS NULL AND c.state <> 'fee_due') THEN
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
