"""Which parameters each call of the gateway takes."""

from sandbox.gateway.params import (
    Schema,
    address,
    charge_amount,
    currency,
    filled,
    flag,
    metadata,
    nested,
    one_of,
    page_size,
    positive,
    text,
    texts,
    time_range,
    web_address,
)

EXPANDABLE: Schema = {"expand": texts}
_PAGED: Schema = EXPANDABLE | {
    "limit": page_size,
    "starting_after": filled,
    "ending_before": filled,
    "created": time_range,
}
_CONFIRMING: Schema = EXPANDABLE | {
    "payment_method": filled,
    "payment_method_data": nested,
    "payment_method_options": nested,
    "payment_method_types": texts,
    "return_url": address,
    "off_session": flag,
    "error_on_requires_action": flag,
    "mandate_data": nested,
    "use_stripe_sdk": flag,
    "receipt_email": text,
    "setup_future_usage": one_of("on_session", "off_session"),
    "shipping": nested,
    "capture_method": one_of("automatic", "automatic_async", "manual"),
}
_DESCRIBING: Schema = {
    "description": text,
    "metadata": metadata,
    "statement_descriptor_suffix": text,
    "transfer_group": text,
    "customer": filled,
}

CREATE_INTENT: Schema = (
    _CONFIRMING
    | _DESCRIBING
    | {
        "amount": charge_amount,
        "currency": currency,
        "confirm": flag,
        "confirmation_method": one_of("automatic", "manual"),
        "automatic_payment_methods": nested,
    }
)
CONFIRM_INTENT: Schema = _CONFIRMING | {"client_secret": filled}
UPDATE_INTENT: Schema = (
    EXPANDABLE
    | _DESCRIBING
    | {
        "amount": charge_amount,
        "currency": currency,
        "payment_method": filled,
        "payment_method_data": nested,
        "receipt_email": text,
        "setup_future_usage": one_of("on_session", "off_session"),
    }
)
CAPTURE_INTENT: Schema = EXPANDABLE | {
    "amount_to_capture": positive,
    "metadata": metadata,
    "final_capture": flag,
    "statement_descriptor_suffix": text,
}
CANCEL_INTENT: Schema = EXPANDABLE | {
    "cancellation_reason": one_of("duplicate", "fraudulent", "requested_by_customer", "abandoned")
}
RETRIEVE_INTENT: Schema = EXPANDABLE | {"client_secret": filled}
LIST_INTENTS: Schema = _PAGED | {"customer": filled}
SEARCH_INTENTS: Schema = EXPANDABLE | {"query": filled, "limit": page_size, "page": filled}
CREATE_METHOD: Schema = EXPANDABLE | {
    "type": one_of("card"),
    "card": nested,
    "billing_details": nested,
    "metadata": metadata,
}
UPDATE_METHOD: Schema = EXPANDABLE | {"card": nested, "billing_details": nested, "metadata": metadata}
ATTACH_METHOD: Schema = EXPANDABLE | {"customer": filled}
LIST_METHODS: Schema = _PAGED | {"customer": filled, "type": one_of("card")}
UPDATE_CUSTOMER: Schema = EXPANDABLE | {
    "name": text,
    "email": text,
    "phone": text,
    "description": text,
    "metadata": metadata,
    "address": nested,
    "shipping": nested,
    "invoice_settings": nested,
}
CREATE_CUSTOMER: Schema = UPDATE_CUSTOMER | {"payment_method": filled}
LIST_CUSTOMERS: Schema = _PAGED | {"email": text}
_SETTING_UP: Schema = EXPANDABLE | {
    "payment_method": filled,
    "payment_method_data": nested,
    "payment_method_options": nested,
    "payment_method_types": texts,
    "return_url": address,
    "use_stripe_sdk": flag,
    "mandate_data": nested,
}
CREATE_SETUP: Schema = _SETTING_UP | {
    "customer": filled,
    "description": text,
    "metadata": metadata,
    "usage": one_of("on_session", "off_session"),
    "confirm": flag,
    "automatic_payment_methods": nested,
}
CONFIRM_SETUP: Schema = _SETTING_UP | {"client_secret": filled}
UPDATE_SETUP: Schema = EXPANDABLE | {
    "payment_method": filled,
    "payment_method_data": nested,
    "payment_method_types": texts,
    "customer": filled,
    "description": text,
    "metadata": metadata,
}
CANCEL_SETUP: Schema = EXPANDABLE | {
    "cancellation_reason": one_of("abandoned", "requested_by_customer", "duplicate"),
}
LIST_SETUPS: Schema = _PAGED | {"customer": filled, "payment_method": filled}
LIST_CHARGES: Schema = _PAGED | {"payment_intent": filled, "customer": filled}
CREATE_REFUND: Schema = EXPANDABLE | {
    "payment_intent": filled,
    "charge": filled,
    "amount": positive,
    "metadata": metadata,
    "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
}
LIST_REFUNDS: Schema = _PAGED | {"payment_intent": filled, "charge": filled}
CHANGE_METADATA: Schema = EXPANDABLE | {"metadata": metadata}
LIST_TRANSACTIONS: Schema = _PAGED | {"source": filled, "type": filled, "currency": currency, "payout": filled}
UPDATE_DISPUTE: Schema = EXPANDABLE | {"evidence": nested, "metadata": metadata, "submit": flag}
LIST_DISPUTES: Schema = _PAGED | {"charge": filled, "payment_intent": filled}
CREATE_PAYOUT: Schema = EXPANDABLE | {
    "amount": positive,
    "currency": currency,
    "description": text,
    "metadata": metadata,
    "method": one_of("standard"),
    "source_type": one_of("card"),
    "statement_descriptor": text,
    "destination": filled,
}
LIST_PAYOUTS: Schema = _PAGED | {
    "status": one_of("pending", "in_transit", "paid", "failed", "canceled"),
    "arrival_date": time_range,
    "destination": filled,
}
UPDATE_ENDPOINT: Schema = EXPANDABLE | {
    "url": web_address,
    "enabled_events": texts,
    "description": text,
    "metadata": metadata,
    "disabled": flag,
}
CREATE_ENDPOINT: Schema = UPDATE_ENDPOINT | {"api_version": text}
LIST_ENDPOINTS: Schema = _PAGED
LIST_EVENTS: Schema = _PAGED | {"types": texts, "type": filled, "delivery_success": flag}
