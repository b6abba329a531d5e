"""Create payments and the journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'

# A journal sums to zero at commit and is never changed, whoever writes.
GUARDS = (
    """CREATE OR REPLACE FUNCTION journal_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT coalesce(sum(amount_vnd), 1) <> 0 OR count(*) < 2 FROM journal_entry WHERE journal_id =
      CASE TG_TABLE_NAME WHEN 'journal' THEN NEW.id ELSE (to_jsonb(NEW) ->> 'journal_id')::uuid END) THEN
    RAISE EXCEPTION 'a journal must have two entries or more that sum to zero' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$""",
    """CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'journals are never changed: book a new one' USING ERRCODE = 'restrict_violation';
END $$""",
    """CREATE CONSTRAINT TRIGGER journal_balances AFTER INSERT ON journal
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_must_balance()""",
    """CREATE CONSTRAINT TRIGGER journal_entry_balances AFTER INSERT ON journal_entry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_must_balance()""",
    """CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
  FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()""",
    """CREATE TRIGGER journal_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_entry
  FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()""",
)


def upgrade() -> None:
    op.create_table('gateway_event',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('intent_id', sa.Text(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('handled_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_gateway_event'))
    )
    op.create_table('payment',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('capture_vnd', sa.BigInteger(), nullable=True),
    sa.Column('captured_vnd', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Enum('created', 'authorising', 'requires_action', 'unknown', 'authorised', 'capturing', 'captured', 'failed', 'cancelled', 'expired', name='moneystate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state_since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('intent_id', sa.Text(), nullable=True),
    sa.Column('redirect_url', sa.Text(), nullable=True),
    sa.Column('client_secret', sa.Text(), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(state = 'captured') = (captured_vnd > 0)", name=op.f('ck_payment_captured_state')),
    sa.CheckConstraint('amount_vnd BETWEEN 1 AND 99999999999', name=op.f('ck_payment_amount')),
    sa.CheckConstraint('captured_vnd BETWEEN 0 AND amount_vnd', name=op.f('ck_payment_captured')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment')),
    sa.UniqueConstraint('intent_id', name=op.f('uq_payment_intent_id'))
    )
    op.create_index('ix_payment_citizen', 'payment', ['citizen_id', 'id'], unique=False)
    op.create_index('ix_payment_open', 'payment', ['state_since'], unique=False, postgresql_where=sa.text("state NOT IN ('captured', 'failed', 'cancelled', 'expired')"))
    op.create_table('payment_event',
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('step', sa.Text(), nullable=False),
    sa.Column('item_id', sa.Uuid(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_payment_event_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment_event'))
    )
    op.create_index('ix_payment_event_payment', 'payment_event', ['payment_id', 'id'], unique=False)
    op.create_table('payment_item',
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('payee_id', sa.Uuid(), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('label_vi', sa.Text(), nullable=False),
    sa.Column('label_en', sa.Text(), nullable=False),
    sa.Column('live', sa.Boolean(), nullable=False),
    sa.Column('taken', sa.Boolean(), nullable=False),
    sa.Column('posting', sa.Enum('pending', 'posted', 'rejected', 'not_taken', name='posting', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('posting_attempts', sa.BigInteger(), nullable=False),
    sa.Column('posting_reason', sa.Text(), nullable=True),
    sa.Column('receipt_no', sa.Text(), nullable=True),
    sa.Column('posted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount_vnd BETWEEN 1 AND 99999999999', name=op.f('ck_payment_item_amount')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_payment_item_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment_item'))
    )
    op.create_index('ix_payment_item_payee', 'payment_item', ['payee_id', 'id'], unique=False, postgresql_where=sa.text('taken'))
    op.create_index('ix_payment_item_payment', 'payment_item', ['payment_id'], unique=False)
    op.create_index('ix_payment_item_pending', 'payment_item', ['payment_id'], unique=False, postgresql_where=sa.text("taken AND posting = 'pending'"))
    op.create_index('uq_payment_item_live', 'payment_item', ['subject_id'], unique=True, postgresql_where=sa.text('live'))
    op.create_table('journal',
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('captured', 'posted', name='journalkind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('item_id', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['item_id'], ['payment_item.id'], name=op.f('fk_journal_item_id')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_journal_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_journal'))
    )
    op.create_index('uq_journal_once', 'journal', ['payment_id', 'kind', 'item_id'], unique=True, postgresql_nulls_not_distinct=True)
    op.create_table('journal_entry',
    sa.Column('journal_id', sa.Uuid(), nullable=False),
    sa.Column('account', sa.Text(), nullable=False),
    sa.Column('payee_id', sa.Uuid(), nullable=True),
    sa.Column('citizen_id', sa.Uuid(), nullable=True),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount_vnd <> 0', name=op.f('ck_journal_entry_amount')),
    sa.ForeignKeyConstraint(['journal_id'], ['journal.id'], name=op.f('fk_journal_entry_journal_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_journal_entry'))
    )
    op.create_index('ix_journal_entry_account', 'journal_entry', ['account', 'payee_id'], unique=False)
    op.create_index('ix_journal_entry_journal', 'journal_entry', ['journal_id'], unique=False)
    for statement in GUARDS:
        op.execute(statement)
