"""Cases of a year, in any number: each with the hashes of two documents, the events up to its reception, and a paper.

Who asks for them is sealed by the gateway's own key, in as many bytes as a person takes; every applicant gave a phone
that ends in `DIGITS`. See `fill` for what is shorter than in real life.
"""

import os
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine

from bench.fill import Filling, write
from bench.ground import AGENCY, FEES, PROCEDURE, json_text
from gateway.service import sealed
from signing.seal import Sealer

DIGITS = "5678"
APPLICANT = {
    "name": "Nguyễn Văn Bình",
    "id_kind": "cccd",
    "id_number": "012345678901",
    "phone": f"091234{DIGITS}",
    "email": None,
    "address": "Số 1 đường Trần Hưng Đạo, phường Phương Lâm, tỉnh Hòa Bình",
}
SECOND_FEE = {"kind": "phi", "code": "LLTP-01", "name": "Phí", "amount_vnd": 200_000}

CASES = Filling(
    {
        "cases": """
INSERT INTO cases (case_code, portal_id, reference, fingerprint, procedure_code, keeps_documents, agency_code, state,
                   money_state, version, applicant_sealed, phone_index, answers_sealed, fees, track_token, created_at,
                   submitted_at, accepted_at, due_on, submission_receipt)
SELECT $case, :portal, 'HS-' || $drawn, $hash, :procedure, true, :agency, 'accepted', 'due', 3,
       CAST(:applicant AS bytea), CAST(:phone AS bytea), CAST(:answers AS bytea), CAST(:fees AS jsonb),
       md5('t' || n) || substr(md5(n::text), 1, 8), $at, $at, $at, $at::date + 14, 'receipt'
FROM $n""",
        "case_documents": """
INSERT INTO case_documents (case_code, code, name, media_type, size_bytes, sha256)
SELECT $case, code, code || '.pdf', 'application/pdf', 100000 + n % 900000, md5(code || n) || md5(n || code)
FROM $n, (VALUES ('giay-to-tuy-than'), ('to-khai')) AS told (code)""",
        "events": """
INSERT INTO events (id, recorded_at, occurred_at, portal_id, case_code, subject_kind, subject_id, type, from_state,
                    to_state, version, actor, cause, data)
SELECT 3 * n - 3 + version, $at, $at, :portal, $case, 'case', $case, 'case.' || to_state, from_state, to_state, version,
       'portal:' || :portal, 'inbox:' || n, '{}'::jsonb
FROM $n, (VALUES (1, NULL, 'draft'), (2, 'draft', 'registered'), (3, 'registered', 'accepted'))
    AS told (version, from_state, to_state)""",
        "case_papers": """
INSERT INTO case_papers (id, case_code, form, number, event_id, facts_sealed, pdf_sha256, json_sha256, level,
                         created_at, made_at)
SELECT 'pap_' || $id, $case, '01', 1, 3 * n, CAST(:facts AS bytea), $hash, $hash, 'B-T', $at, $at
FROM $n""",
    },
    {"events": 3},
)


def fill(engine: Engine, portal_id: str, sealer: Sealer, *, rows: int, until: datetime) -> None:
    """`rows` cases, the last at `until`, in a database that has none; analysed and vacuumed after."""
    values: Mapping[str, object] = {
        "portal": portal_id,
        "agency": AGENCY,
        "procedure": PROCEDURE,
        "applicant": sealed.seal(sealer, APPLICANT, sealed.APPLICANT),
        "phone": sealer.index(DIGITS, sealed.PHONE),
        "answers": sealed.seal(sealer, {}, sealed.ANSWERS),
        "fees": json_text([SECOND_FEE, *FEES]),
        "facts": os.urandom(60),
    }
    write(engine, CASES, values, rows=rows, until=until)
