"""What a month's providers are remitted, what our bank pays and theirs advise them of, and the faults planted there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import payments.operations
from kit import clock
from kit.database import transaction
from payments.models import Remittance, Way
from payments.operations import Row, ToldRows
from services.utilities.operations import settlement
from tests.utilities.month import Book, Finding

# Days of each provider that are remitted: enough for every fault and for one that has none.
DAYS = 5
KEPT_BY_BANK_VND = 5_500


def remit(book: Book) -> Iterator[tuple[date, int, str]]:
    """The first days of a provider's month become final; what our bank transfers for each of them, and when."""
    with transaction() as session:
        for day in sorted(book.files)[:DAYS]:
            drafted = payments.operations.draft(session, book.provider.id, day)
            found = drafted and payments.operations.prove(session, drafted.id)
            if found is None:
                raise ValueError(f"{day} cannot be remitted")
            payments.operations.publish(session, found.id, {})
            book.remitted.append((found.reference, found.payable_vnd))
        payments.operations.finalise_due(session, book.provider.id)
        book.advised = list(book.remitted)
    for reference, vnd in book.remitted:
        yield clock.today() - timedelta(days=4), -vnd, f"Chuyen tien {reference}"


def plant_in_advices(book: Book) -> Iterator[Finding]:
    """Faults of what the provider's bank advises it of; what each must be called, and by which subject."""
    (missing, _vnd), (short, vnd), (twice, again), *fine = book.remitted
    book.advised = [(short, vnd - KEPT_BY_BANK_VND), (twice, again), (twice, again), ("RM0", 77_000), *fine]
    yield "REMITTANCE_NOT_ADVISED", f"remittance {missing}"
    yield "AMOUNT_UNDER", book.subject(short)
    yield "DUPLICATE_ADVICE", f"{book.subject(twice)}"
    yield "ADVICE_UNKNOWN", book.subject("RM0")


def correct(book: Book) -> None:
    """What the provider's bank has advised after all: what was remitted."""
    book.advised = list(book.remitted)


def tell(book: Book) -> None:
    """The provider sends what its bank has advised it of, and it is compared with what was remitted."""
    # Two days after the remittances were final.
    day = clock.today() + timedelta(days=2)
    lines = [Row(number, reference, vnd) for number, (reference, vnd) in enumerate(book.advised, 2)]
    with transaction() as session:
        told = ToldRows("csv", "", lines, [])
        told_id = settlement.keep_statement(session, book.provider.id, Way.ADVICE, day, told)
        statement = payments.operations.get_statement(session, told_id, book.provider.id)
        settlement.compare_statement(session, statement)


def count() -> tuple[int, int, int]:
    """How many remittances there are, how many our bank has paid, and how many were advised to the đồng."""
    with transaction() as session:
        found = session.query(Remittance).all()
        paid, advised = (
            sum(getattr(each, name) is not None for each in found) for name in ("paid_line_id", "confirmed_on")
        )
        return len(found), paid, advised
