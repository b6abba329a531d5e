"""Conversations with the gateway, and the periodic work around the books."""

from payments.flows.banking import read_bank_file
from payments.flows.cards import add_card, forget_card, sweep_cards
from payments.flows.disputing import sweep_disputes
from payments.flows.money import (
    cancel,
    cancel_by_citizen,
    capture,
    give_back,
    handle_gateway_event,
    release_hold,
    send,
    settle,
    submit,
    sweep,
    sweep_refunds,
)
from payments.flows.settling import (
    check_books,
    compare_with_gateway,
    match_movements,
    read_movements,
    remind_of_differences,
    seal_journal,
    sign_yesterday,
)

__all__ = [
    "add_card",
    "cancel",
    "cancel_by_citizen",
    "capture",
    "check_books",
    "compare_with_gateway",
    "forget_card",
    "give_back",
    "handle_gateway_event",
    "match_movements",
    "read_bank_file",
    "read_movements",
    "release_hold",
    "remind_of_differences",
    "seal_journal",
    "send",
    "settle",
    "sign_yesterday",
    "submit",
    "sweep",
    "sweep_cards",
    "sweep_disputes",
    "sweep_refunds",
]
