"""The bank's files as they arrive, from an operator's desk or the terminal."""

from __future__ import annotations

import hashlib

from kit.database import transaction
from payments import operations
from payments.bank_file import Statement, read_by_layout, read_statement
from payments.bank_message import is_message, read_message
from payments.errors import StatementRefused


def read_bank_file(raw: bytes, form: str | None) -> Statement:
    """The statement in a file: camt.053 or camt.054, a bank's CSV by the form of that code, or our own CSV.

    Raises BankFormUnknown, and StatementRefused for what cannot be read as a whole: that is written down as a
    difference, so that nobody forgets to ask for another file.
    """
    with transaction() as session:
        layout = None if form is None else operations.find_layout(session, form)
    try:
        if is_message(raw):
            return read_message(raw)
        return read_statement(raw) if layout is None or form is None else read_by_layout(raw, form, layout)
    except StatementRefused as refusal:
        with transaction() as session:
            operations.note_rejected_file(session, hashlib.sha256(raw).hexdigest(), refusal.members["reason"])
        raise
