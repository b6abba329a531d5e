"""Log every step of a difference, say when a refund was approved, and tell providers of both and of remittances."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
revision = '0018'
down_revision = '0017'

# The function is the journal's own.
GUARDS = (
    """
CREATE TRIGGER discrepancy_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON discrepancy_event
  FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()
""",
)


def upgrade() -> None:
    op.create_table('discrepancy_event',
    sa.Column('discrepancy_id', sa.Uuid(), nullable=False),
    sa.Column('payee_id', sa.Uuid(), nullable=True),
    sa.Column('action', sa.Enum('opened', 'reopened', 'changed', 'noted', 'investigated', 'proposed', 'declined', 'approved', 'auto_closed', 'reminded', name='discrepancyaction', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state', sa.Enum('open', 'investigating', 'proposed', 'resolved', 'auto_closed', name='discrepancystate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('side', sa.Enum('house', 'province', 'provider', name='side', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('organisation', sa.Text(), nullable=True),
    sa.Column('account', sa.Text(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('reminded_on', sa.Date(), nullable=True),
    sa.Column('written_by', sa.BigInteger(), server_default=sa.text('(pg_current_xact_id()::text::bigint)'), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(action = 'reminded') = (reminded_on IS NOT NULL)", name=op.f('ck_discrepancy_event_reminder_has_a_day')),
    sa.CheckConstraint("side <> 'house' OR person_id IS NULL", name=op.f('ck_discrepancy_event_house_is_nobody')),
    sa.ForeignKeyConstraint(['discrepancy_id'], ['discrepancy.id'], name=op.f('fk_discrepancy_event_discrepancy_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_discrepancy_event'))
    )
    op.create_index('ix_discrepancy_event_of', 'discrepancy_event', ['discrepancy_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_discrepancy_event_written', 'discrepancy_event', ['written_by', 'payee_id'], unique=False, postgresql_where=sa.text('payee_id IS NOT NULL'))
    op.create_index('ix_discrepancy_event_decided', 'discrepancy_event', ['created_at', 'id'], unique=False, postgresql_where=sa.text("action IN ('approved', 'declined')"))
    op.create_index('uq_discrepancy_event_reminder', 'discrepancy_event', ['discrepancy_id', 'reminded_on'], unique=True, postgresql_where=sa.text("action = 'reminded'"))
    op.add_column('refund', sa.Column('approved_at', sa.DateTime(timezone=True), nullable=True))
    # Of those before nobody has written down when: at the latest when the gateway was asked.
    op.execute('UPDATE refund SET approved_at = state_since WHERE approved_by IS NOT NULL')
    op.create_check_constraint(op.f('ck_refund_approved_some_time'), 'refund', '(approved_by IS NULL) = (approved_at IS NULL)')
    op.create_index('ix_refund_approved', 'refund', ['approved_at', 'id'], unique=False, postgresql_where=sa.text('approved_at IS NOT NULL'))
    op.create_index('ix_journal_entry_made', 'journal_entry', ['created_at'], unique=False, postgresql_using='brin')

    op.drop_constraint(op.f('ck_webhook_event_eventkind'), 'webhook_event', type_='check')
    op.create_check_constraint(op.f('ck_webhook_event_eventkind'), 'webhook_event', "kind IN ('payment.captured', 'payment.posted', 'payment.returned', 'discrepancy.opened', 'discrepancy.answered', 'discrepancy.resolved', 'remittance.published', 'remittance.final', 'remittance.amended', 'endpoint.tested')")

    # The log of what is there already begins with what each row says of itself.
    op.execute("""INSERT INTO discrepancy_event (id, created_at, discrepancy_id, payee_id, action, state, amount_vnd, side)
  SELECT gen_random_uuid(), created_at, id, payee_id, 'opened', 'open', amount_vnd, 'house' FROM discrepancy""")
    op.execute("""INSERT INTO discrepancy_event (id, created_at, discrepancy_id, payee_id, action, state, amount_vnd, side, person_id, account, reason)
  SELECT gen_random_uuid(), coalesce(closed_at, now()), id, payee_id, 'proposed', 'proposed', amount_vnd, 'province', proposed_by, account, explanation
  FROM discrepancy WHERE state IN ('proposed', 'resolved') AND proposed_by IS NOT NULL""")
    op.execute("""INSERT INTO discrepancy_event (id, created_at, discrepancy_id, payee_id, action, state, amount_vnd, side, person_id, account)
  SELECT gen_random_uuid(), coalesce(closed_at, now()) + interval '1 millisecond', id, payee_id, 'approved', 'resolved', amount_vnd, 'province', approved_by, account
  FROM discrepancy WHERE state = 'resolved'""")
    op.execute("""INSERT INTO discrepancy_event (id, created_at, discrepancy_id, payee_id, action, state, amount_vnd, side)
  SELECT gen_random_uuid(), coalesce(closed_at, now()), id, payee_id, 'auto_closed', 'auto_closed', amount_vnd, 'house' FROM discrepancy WHERE state = 'auto_closed'""")
    for statement in GUARDS:
        op.execute(statement)
    # The program reads and adds to it, and nothing else.
    op.execute('REVOKE UPDATE, DELETE, TRUNCATE ON discrepancy_event FROM CURRENT_USER')
