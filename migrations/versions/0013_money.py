"""Finish money: refunds, disputes, payouts, the bank, seals over the journal, and who may change it: nobody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0013'
down_revision = '0012'

KINDS = (
    'bills_paid', 'payment_ended', 'bills_returned', 'new_device', 'session_closed', 'passkey_added', 'app_allowed',
    'mandate_accepted', 'mandate_revoked', 'school_round', 'school_gone', 'open_day_cancelled',
    'automatic_announced', 'automatic_left',
)


def upgrade() -> None:
    op.create_table('balance_transaction',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('fee_vnd', sa.BigInteger(), nullable=False),
    sa.Column('net_vnd', sa.BigInteger(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('available_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ripened', sa.Boolean(), nullable=False),
    sa.Column('explained', sa.Boolean(), nullable=False),
    sa.Column('payout_id', sa.Text(), nullable=True),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('net_vnd = amount_vnd - fee_vnd', name=op.f('ck_balance_transaction_net')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_balance_transaction'))
    )
    op.create_index('ix_balance_transaction_created', 'balance_transaction', ['made_at'], unique=False)
    op.create_index('ix_balance_transaction_payout', 'balance_transaction', ['payout_id'], unique=False, postgresql_where=sa.text('payout_id IS NOT NULL'))
    op.create_index('ix_balance_transaction_ripening', 'balance_transaction', ['available_at'], unique=False, postgresql_where=sa.text('NOT ripened'))
    op.create_index('ix_balance_transaction_source', 'balance_transaction', ['source'], unique=False)
    op.create_index('ix_balance_transaction_unexplained', 'balance_transaction', ['id'], unique=False, postgresql_where=sa.text('NOT explained'))
    op.create_table('bank_statement',
    sa.Column('file_hash', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=True),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('opening_vnd', sa.BigInteger(), nullable=False),
    sa.Column('moved_vnd', sa.BigInteger(), nullable=False),
    sa.Column('closing_vnd', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('opening_vnd + moved_vnd = closing_vnd', name=op.f('ck_bank_statement_control_total')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bank_statement')),
    sa.UniqueConstraint('file_hash', name=op.f('uq_bank_statement_file_hash')),
    sa.UniqueConstraint('name', 'revision', name=op.f('uq_bank_statement_name_revision'))
    )
    op.create_table('books_alarm',
    sa.Column('promises', sa.Text(), nullable=False),
    sa.Column('open', sa.Boolean(), nullable=False),
    sa.Column('cleared_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_books_alarm'))
    )
    op.create_index('uq_books_alarm_open', 'books_alarm', ['open'], unique=True, postgresql_where=sa.text('open'))
    op.create_table('daily_root',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('heads', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('root', sa.LargeBinary(), nullable=False),
    sa.Column('key_id', sa.Text(), nullable=False),
    sa.Column('signature', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_daily_root'))
    )
    op.create_table('seal',
    sa.Column('chain', sa.Text(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('journal_number', sa.BigInteger(), nullable=False),
    sa.Column('journal_id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('chain', 'position', name=op.f('pk_seal')),
    sa.UniqueConstraint('journal_number', name=op.f('uq_seal_journal_number'))
    )
    op.create_table('bank_line',
    sa.Column('statement_id', sa.Uuid(), nullable=False),
    sa.Column('line', sa.BigInteger(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('booked_on', sa.Date(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('withdrawn', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount_vnd <> 0', name=op.f('ck_bank_line_amount')),
    sa.ForeignKeyConstraint(['statement_id'], ['bank_statement.id'], name=op.f('fk_bank_line_statement_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bank_line')),
    sa.UniqueConstraint('reference', name=op.f('uq_bank_line_reference'))
    )
    op.create_table('discrepancy',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Enum('open', 'proposed', 'resolved', 'auto_closed', name='discrepancystate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('explanation', sa.Text(), nullable=True),
    sa.Column('account', sa.Text(), nullable=True),
    sa.Column('proposed_by', sa.Uuid(), nullable=True),
    sa.Column('approved_by', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state <> 'resolved' OR approved_by IS NOT NULL", name=op.f('ck_discrepancy_resolved_by_two')),
    sa.CheckConstraint('approved_by IS NULL OR approved_by <> proposed_by', name=op.f('ck_discrepancy_two_people')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_discrepancy')),
    sa.UniqueConstraint('kind', 'subject', name=op.f('uq_discrepancy_kind_subject'))
    )
    op.create_index('ix_discrepancy_open', 'discrepancy', ['id'], unique=False, postgresql_where=sa.text("state IN ('open', 'proposed')"))
    op.create_table('dispute',
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('gateway_id', sa.Text(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Enum('needs_response', 'under_review', 'won', 'lost', name='disputestate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state_since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('evidence_due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount_vnd BETWEEN 1 AND 99999999999', name=op.f('ck_dispute_amount')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_dispute_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_dispute')),
    sa.UniqueConstraint('gateway_id', name=op.f('uq_dispute_gateway_id'))
    )
    op.create_index('ix_dispute_payment', 'dispute', ['payment_id', 'id'], unique=False)
    op.create_table('payout',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Enum('pending', 'in_transit', 'paid', 'failed', 'canceled', name='payoutstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('trace_id', sa.Text(), nullable=True),
    sa.Column('arrives_on', sa.Date(), nullable=False),
    sa.Column('listed', sa.Boolean(), nullable=False),
    sa.Column('bank_line_id', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['bank_line_id'], ['bank_line.id'], name=op.f('fk_payout_bank_line_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payout')),
    sa.UniqueConstraint('bank_line_id', name=op.f('uq_payout_bank_line_id'))
    )
    op.create_table('refund',
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('item_id', sa.Uuid(), nullable=True),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Enum('requested', 'submitted', 'unknown', 'succeeded', 'failed', name='refundstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state_since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('origin', sa.Enum('rule', 'clerk', name='origin', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('cause', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('needs_second', sa.Boolean(), nullable=False),
    sa.Column('asked_by', sa.Uuid(), nullable=True),
    sa.Column('approved_by', sa.Uuid(), nullable=True),
    sa.Column('failure', sa.Text(), nullable=True),
    sa.Column('gateway_id', sa.Text(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(origin = 'clerk') = (asked_by IS NOT NULL)", name=op.f('ck_refund_clerk_has_a_name')),
    sa.CheckConstraint("NOT needs_second OR approved_by IS NOT NULL OR state IN ('requested', 'failed')", name=op.f('ck_refund_second')),
    sa.CheckConstraint('amount_vnd BETWEEN 1 AND 99999999999', name=op.f('ck_refund_amount')),
    sa.CheckConstraint('approved_by IS NULL OR approved_by <> asked_by', name=op.f('ck_refund_two_people')),
    sa.ForeignKeyConstraint(['item_id'], ['payment_item.id'], name=op.f('fk_refund_item_id')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_refund_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refund')),
    sa.UniqueConstraint('gateway_id', name=op.f('uq_refund_gateway_id'))
    )
    op.create_index('ix_refund_open', 'refund', ['state_since'], unique=False, postgresql_where=sa.text("state IN ('requested', 'submitted', 'unknown')"))
    op.create_index('ix_refund_payment', 'refund', ['payment_id', 'id'], unique=False)
    op.create_index('uq_refund_cause', 'refund', ['payment_id', 'cause'], unique=True, postgresql_where=sa.text("origin = 'rule'"))
    op.add_column('gateway_event', sa.Column('object_id', sa.Text(), nullable=True))
    op.add_column('gateway_event', sa.Column('quarantined', sa.Boolean(), server_default=sa.text('false'), nullable=False))

    # Payments: what was given back, what is disputed, how far the money has come.
    for table in ('payment', 'payment_item'):
        op.add_column(table, sa.Column('refunded_vnd', sa.BigInteger(), server_default=sa.text('0'), nullable=False))
    op.create_check_constraint(op.f('ck_payment_refunded'), 'payment', 'refunded_vnd BETWEEN 0 AND captured_vnd')
    op.create_check_constraint(op.f('ck_payment_item_refunded'), 'payment_item', 'refunded_vnd BETWEEN 0 AND amount_vnd')
    op.add_column('payment', sa.Column('disputed', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('payment', sa.Column('settlement', sa.String(32), server_default='unsettled', nullable=False))
    op.create_check_constraint(op.f('ck_payment_settlement'), 'payment', "settlement IN ('unsettled', 'in_payout', 'bank_matched', 'remitted', 'confirmed')")
    op.add_column('payment', sa.Column('holder_id', sa.Uuid(), nullable=True))
    # Payments that have followed a citizen before: what is booked says under whom.
    op.execute('''UPDATE payment p SET holder_id = coalesce((SELECT e.citizen_id FROM journal j
  JOIN journal_entry e ON e.journal_id = j.id AND e.citizen_id IS NOT NULL
  WHERE j.payment_id = p.id AND j.kind = 'captured' LIMIT 1), p.citizen_id)''')
    op.alter_column('payment', 'holder_id', nullable=False)
    op.add_column('payment', sa.Column('charge_id', sa.Text(), nullable=True))
    op.create_unique_constraint(op.f('uq_payment_charge_id'), 'payment', ['charge_id'])
    op.drop_constraint(op.f('ck_payment_item_posting'), 'payment_item', type_='check')
    op.create_check_constraint(op.f('ck_payment_item_posting'), 'payment_item', "posting IN ('pending', 'unknown', 'parked', 'posted', 'rejected', 'not_taken')")
    op.drop_index('ix_payment_item_pending', table_name='payment_item')
    op.create_index('ix_payment_item_pending', 'payment_item', ['payment_id'], unique=False, postgresql_where=sa.text("taken AND posting IN ('pending', 'unknown', 'parked')"))

    # Cards that are kept, and bills that are paid by themselves.
    op.create_table('saved_card',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Enum('adding', 'kept', 'failed', 'removed', name='cardstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state_since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('customer_id', sa.Text(), nullable=True),
    sa.Column('setup_id', sa.Text(), nullable=True),
    sa.Column('method_id', sa.Text(), nullable=True),
    sa.Column('brand', sa.Text(), nullable=True),
    sa.Column('last4', sa.Text(), nullable=True),
    sa.Column('expires_month', sa.BigInteger(), nullable=True),
    sa.Column('expires_year', sa.BigInteger(), nullable=True),
    sa.Column('redirect_url', sa.LargeBinary(), nullable=True),
    sa.Column('client_secret', sa.LargeBinary(), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('version > 0', name=op.f('ck_saved_card_version_is_positive')),
    sa.CheckConstraint("state <> 'kept' OR method_id IS NOT NULL", name=op.f('ck_saved_card_kept_can_pay')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_card')),
    sa.UniqueConstraint('customer_id', name=op.f('uq_saved_card_customer_id')),
    sa.UniqueConstraint('setup_id', name=op.f('uq_saved_card_setup_id')),
    sa.UniqueConstraint('method_id', name=op.f('uq_saved_card_method_id'))
    )
    op.create_index('ix_saved_card_citizen', 'saved_card', ['citizen_id', 'id'], unique=False)
    op.create_index('ix_saved_card_adding', 'saved_card', ['created_at'], unique=False, postgresql_where=sa.text("state = 'adding'"))
    op.add_column('payment', sa.Column('card_id', sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f('fk_payment_card_id'), 'payment', 'saved_card', ['card_id'], ['id'])
    op.create_table('automatic_payment',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('card_id', sa.Uuid(), nullable=False),
    sa.Column('ceiling_vnd', sa.BigInteger(), nullable=False),
    sa.Column('days_before', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('ceiling_vnd BETWEEN 1 AND 99999999999', name=op.f('ck_automatic_payment_ceiling')),
    sa.CheckConstraint('days_before BETWEEN 0 AND 30', name=op.f('ck_automatic_payment_days_before')),
    sa.CheckConstraint('version > 0', name=op.f('ck_automatic_payment_version_is_positive')),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_automatic_payment_account_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_automatic_payment'))
    )
    op.create_index('uq_automatic_payment_account', 'automatic_payment', ['account_id'], unique=True, postgresql_where=sa.text('ended_at IS NULL'))
    op.create_index('ix_automatic_payment_citizen', 'automatic_payment', ['citizen_id', 'id'], unique=False)
    op.create_index('ix_automatic_payment_card', 'automatic_payment', ['card_id'], unique=False, postgresql_where=sa.text('ended_at IS NULL'))
    op.create_table('planned_payment',
    sa.Column('automatic_id', sa.Uuid(), nullable=False),
    sa.Column('bill_id', sa.Uuid(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('pay_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.Enum('announced', 'skipped', 'started', 'left', 'dropped', name='plannedstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('payment_id', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(state = 'started') <= (payment_id IS NOT NULL)", name=op.f('ck_planned_payment_started_is_paid')),
    sa.ForeignKeyConstraint(['automatic_id'], ['automatic_payment.id'], name=op.f('fk_planned_payment_automatic_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['bill_id'], ['bill.id'], name=op.f('fk_planned_payment_bill_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_planned_payment')),
    sa.UniqueConstraint('automatic_id', 'bill_id', 'amount_vnd', name=op.f('uq_planned_payment_automatic_id_bill_id_amount_vnd'))
    )
    op.create_index('uq_planned_payment_bill', 'planned_payment', ['bill_id'], unique=True, postgresql_where=sa.text("state = 'announced'"))
    op.create_index('ix_planned_payment_due', 'planned_payment', ['pay_at'], unique=False, postgresql_where=sa.text("state = 'announced'"))
    op.create_index('uq_planned_payment_payment', 'planned_payment', ['payment_id'], unique=True, postgresql_where=sa.text('payment_id IS NOT NULL'))
    op.drop_constraint(op.f('ck_message_messagekind'), 'message', type_='check')
    op.create_check_constraint(op.f('ck_message_messagekind'), 'message', f'kind IN {KINDS}')

    # The journal: a subject instead of an item, an order that does not come from clocks.
    op.drop_constraint(op.f('ck_journal_journalkind'), 'journal', type_='check')
    op.create_check_constraint(op.f('ck_journal_journalkind'), 'journal', "kind IN ('captured', 'posted', 'fee', 'available', 'payout', 'payout_failed', 'banked', 'bank_unidentified', 'remitted', 'refund_requested', 'refund_done', 'refund_failed', 'reversed', 'dispute_opened', 'dispute_fee', 'dispute_won', 'dispute_lost', 'refund_returned', 'adjustment')")
    op.add_column('journal', sa.Column('number', sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.add_column('journal', sa.Column('subject', sa.Text(), nullable=True))
    op.add_column('journal', sa.Column('payee_id', sa.Uuid(), nullable=True))
    op.add_column('journal', sa.Column('discrepancy_id', sa.Uuid(), nullable=True))
    op.execute('ALTER TABLE journal DISABLE TRIGGER journal_append_only')
    op.execute('UPDATE journal SET subject = coalesce(item_id, payment_id)::text, payee_id = (SELECT payee_id FROM payment_item i WHERE i.id = item_id)')
    op.execute('ALTER TABLE journal ENABLE TRIGGER journal_append_only')
    op.alter_column('journal', 'subject', nullable=False)
    op.alter_column('journal', 'payment_id', existing_type=sa.Uuid(), nullable=True)
    op.drop_index('uq_journal_once', table_name='journal')
    op.create_index('uq_journal_once', 'journal', ['kind', 'subject'], unique=True)
    op.create_index('ix_journal_number', 'journal', ['number'], unique=True)
    op.create_index('ix_journal_payment', 'journal', ['payment_id', 'id'], unique=False)
    op.drop_constraint(op.f('fk_journal_item_id'), 'journal', type_='foreignkey')
    op.drop_column('journal', 'item_id')
    op.create_foreign_key(op.f('fk_journal_discrepancy_id'), 'journal', 'discrepancy', ['discrepancy_id'], ['id'])
    op.create_check_constraint(op.f('ck_journal_adjustment_is_explained'), 'journal', "kind <> 'adjustment' OR discrepancy_id IS NOT NULL")

    for table in ('seal', 'daily_root'):
        op.execute(f"""CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()""")
    # Beside the triggers: the program's own role may add to the books and read them, and nothing else. A foreign key
    # needs the right to lock a journal, which PostgreSQL grants with UPDATE of any column: `number` is always generated,
    # so nobody can set it.
    for table in ('journal', 'journal_entry', 'seal', 'daily_root'):
        op.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM CURRENT_USER')
    op.execute('GRANT UPDATE (number) ON journal TO CURRENT_USER')
