"""Conversations with Firebase and the text message company: nothing is open while they think."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import auth.operations
from auth.events import MemberInvited, PhoneChallengeStarted
from kit import clock, logs
from kit.database import transaction
from kit.events import TryLater
from notifications import messages, operations, push, sms, visit_messages
from notifications.events import MessagePosted
from notifications.operations import DuePush, PushResult
from payments.events import BooksBroken, DifferencesOverdue

_LONGEST_WAIT_SECONDS = 3600
# A code lives for minutes and somebody is looking at their phone: ask again soon.
_SOON_SECONDS = 3
_LONGEST_WAIT_FOR_CODE_SECONDS = 30
_operator: dict[str, str | None] = {"phone": None}


def push_message(event: MessagePosted) -> None:
    """Hint at a message on each of its citizen's phones that has not been told yet; who has none gets a text of a few.

    Raises TryLater while Firebase or the text message company can't be reached or wants to be left alone; what was sent
    is not sent again. A crash between sending and writing that down repeats a push, and the phone shows it in place of
    the first; a text is delivered once.
    """
    with transaction() as session:
        before = datetime.fromisoformat(event.registered_before) if event.registered_before else None
        due = operations.start_pushes(session, event.message_id, registered_before=before)
    results: dict[UUID, PushResult] = {}
    wait: int | None = None
    for phone in due:
        try:
            _send(event.message_id, phone)
        except push.PushRefused as refused:
            logs.logger.info("push_refused", code=refused.code)
            results[phone.device_id] = PushResult.UNREGISTERED if refused.is_unregistered else PushResult.REFUSED
        except push.PushDelayed as delayed:
            logs.logger.warning("push_delayed", code=delayed.code, attempts=phone.attempts + 1)
            results[phone.device_id] = PushResult.DELAYED
            wait = min(delayed.retry_after or 2 ** min(phone.attempts + 1, 12), _LONGEST_WAIT_SECONDS)
            # The others would only wait for the same timeout; next time this phone comes last.
            break
        else:
            results[phone.device_id] = PushResult.SENT
    if results:
        with transaction() as session:
            operations.record_pushes(session, event.message_id, results)
    if wait is not None:
        raise TryLater(wait)
    # Nobody was reached, perhaps because the app has gone from the last phone.
    if PushResult.SENT not in results.values():
        _text_instead(event.message_id)


def send_code(event: PhoneChallengeStarted) -> None:
    """Send a one-time code to the phone it is for, once; a code that has expired meanwhile is not sent.

    Raises TryLater while the text message company can't be reached, and NotFound for an unknown challenge.
    """
    with transaction() as session:
        asked = auth.operations.get_code_to_send(session, event.challenge_id)
    if asked.expires_at <= clock.now():
        logs.logger.warning("code_expired_unsent")
        return
    text = messages.sign_in_text(asked.code, asked.expires_at, asked.language)
    try:
        sms.send(asked.phone, text, key=str(event.challenge_id))
    except sms.SmsRefused as refused:
        logs.logger.error("sms_refused", code=refused.code)
    except sms.SmsDelayed as delayed:
        logs.logger.warning("sms_delayed", code=delayed.code)
        raise TryLater(min(delayed.retry_after or _SOON_SECONDS, _LONGEST_WAIT_FOR_CODE_SECONDS)) from delayed


def send_invitation(event: MemberInvited) -> None:
    """Tell an invited number who invites it, once; an invitation that is over meanwhile is not told.

    Raises TryLater while the text message company can't be reached.
    """
    with transaction() as session:
        asked = auth.operations.find_invitation_to_send(session, event.invitation_id)
    if asked is None:
        return
    text = messages.invitation_text(asked.organisation, asked.expires_at, asked.language)
    try:
        sms.send(asked.phone, text, key=str(event.invitation_id))
    except sms.SmsRefused as refused:
        logs.logger.error("sms_refused", code=refused.code)
    except sms.SmsDelayed as delayed:
        logs.logger.warning("sms_delayed", code=delayed.code)
        raise TryLater(min(delayed.retry_after or _SOON_SECONDS, _LONGEST_WAIT_SECONDS)) from delayed


def alarm_to(phone: str | None) -> None:
    """Who of the province is told at once when the books are not in order; None: alarms stand in log and metrics."""
    _operator["phone"] = phone


def alarm_operator(event: BooksBroken) -> None:
    """Tell the operator by text message that something in the books does not hold; once an alarm."""
    count = len(event.promises.split("; "))
    _alarm(messages.ALARM.format(count=count), event.alarm_id)


def remind_operator(event: DifferencesOverdue) -> None:
    """Tell the operator by text message how many differences nobody has explained in time; once for each look."""
    text = messages.OVERDUE.format(count=event.count, days=event.oldest_days)
    _alarm(text, event.reminder_id)


def _alarm(text: str, key: UUID) -> None:
    phone = _operator["phone"]
    if phone is None:
        logs.logger.error("alarm_unsent", reason="no phone")
        return
    try:
        sms.send(phone, text, key=str(key))
    except sms.SmsRefused as refused:
        logs.logger.error("sms_refused", code=refused.code)
    except sms.SmsDelayed as delayed:
        raise TryLater(delayed.retry_after or _SOON_SECONDS) from delayed


def _text_instead(message_id: UUID) -> None:
    with transaction() as session:
        due = operations.find_text(session, message_id, visit_messages.TEXT)
    if due is None:
        return
    try:
        sms.send(due.phone, visit_messages.short_text(due.kind, due.params, due.language), key=str(message_id))
    except sms.SmsRefused as refused:
        logs.logger.error("sms_refused", code=refused.code)
    except sms.SmsDelayed as delayed:
        logs.logger.warning("sms_delayed", code=delayed.code)
        raise TryLater(min(delayed.retry_after or _SOON_SECONDS, _LONGEST_WAIT_SECONDS)) from delayed


def _send(message_id: UUID, phone: DuePush) -> None:
    words = messages.push_words(phone.kind, phone.language)
    data = {"message_id": str(message_id), "kind": phone.kind.value}
    push.send(phone.address, phone.address_kind, words.title, words.body, data=data, tag=str(message_id))
