"""All SQL and rules of sign-in, by noun: challenges, sessions, citizens, machine clients, signing keys."""

from auth.operations.challenges import (
    CodeToSend,
    answer_challenge,
    forget_old_challenges,
    get_challenge,
    get_code_to_send,
    limit_codes,
    start_challenge,
)
from auth.operations.citizens import find_phone, get_citizen, get_language, welcome_citizen
from auth.operations.clients import ClientToken, create_client, issue_client_token, revoke_client
from auth.operations.keys import find_signing_key, list_signing_keys, retire_signing_key
from auth.operations.sessions import SignIn, end_session, forget_old_sessions, refresh_session, start_session

__all__ = [
    "ClientToken",
    "CodeToSend",
    "SignIn",
    "answer_challenge",
    "create_client",
    "end_session",
    "find_phone",
    "find_signing_key",
    "forget_old_challenges",
    "forget_old_sessions",
    "get_challenge",
    "get_citizen",
    "get_code_to_send",
    "get_language",
    "issue_client_token",
    "limit_codes",
    "list_signing_keys",
    "refresh_session",
    "retire_signing_key",
    "revoke_client",
    "start_challenge",
    "start_session",
    "welcome_citizen",
]
