"""All SQL and rules of bills: the directory, accounts, bills and files."""

from services.utilities.operations.accounts import (
    Attempt,
    Found,
    Proof,
    get_account,
    get_found,
    link_account,
    list_accounts,
    try_lookup,
    unlink_account,
)
from services.utilities.operations.bills import (
    BILL_CHANGED,
    BILL_PAID_ELSEWHERE,
    BILL_WITHDRAWN,
    Work,
    drop_bills,
    get_bill,
    list_bills,
    list_provider_payments,
    list_work,
    record_posted,
    record_rejected,
    release_bills,
    start_payment,
    tell_when_settled,
)
from services.utilities.operations.directory import (
    find_rules,
    get_provider,
    list_providers,
    save_providers,
    save_tariffs,
)
from services.utilities.operations.imports import (
    BATCH,
    LARGEST_FILE_BYTES,
    Batch,
    Progress,
    begin,
    find_part,
    finish,
    get_import,
    receive,
    save_batch,
    start_local,
)
