"""Which events of the spine portals are told about, by feed and webhook; the others are ours alone."""

PUBLISHED = frozenset(
    {
        "case.registered",
        "case.accepted",
        "case.refused",
        "case.processing",
        "case.supplement_required",
        "case.fee_due",
        "case.withdrawn",
        "case.stopped",
        "case.result_ready",
        "case.result_delivered",
        "case.document_refused",
        "case.document_scanned",
        "case.fees_changed",
        "case.extended",
        "case.transferred",
        "case.step_acknowledged",
        "case.step_returned",
        "case.forgotten",
        "case.due_moved",
        "case.due_soon",
        "case.overdue",
        "payment.created",
        "payment.repriced",
        "payment.succeeded",
        "payment.failed",
        "payment.expired",
        "payment.cancelled",
        "payment.double_paid",
        "payment.part_paid",
        "refund.owed",
        "refund.requested",
        "refund.approved",
        "refund.sent",
        "refund.succeeded",
        "refund.failed",
        "refund.declined",
        "receipt.issued",
        "receipt.cancelled",
        "receipt.replaced",
        "paper.issued",
        "paper.completed",
        "delivery.ordered",
        "delivery.moved",
        "delivery.handed_over",
        "delivery.failed",
        "delivery.returned",
        "delivery.cancelled",
        "reconciliation.closed",
    }
)


def wants(types: frozenset[str], type_: str) -> bool:
    """Whether an endpoint that asked for `types` (`*`, `payment.*` or whole names) is told about `type_`."""
    return bool(types & {"*", type_, f"{type_.partition('.')[0]}.*"})


def is_known(type_: str) -> bool:
    """Whether `type_` may be asked for."""
    nouns = {known.partition(".")[0] for known in PUBLISHED}
    return type_ in PUBLISHED or type_ == "*" or (type_.endswith(".*") and type_[:-2] in nouns)
