"""Let companies come in by stages: moves, changes under review, trials, test keys, and who begins a posting."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0019'
down_revision = '0018'

GUARDS = (
    """
CREATE OR REPLACE FUNCTION provider_move_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a move of a provider is never changed' USING ERRCODE = 'restrict_violation';
END $$
""",
    """
CREATE TRIGGER provider_move_append_only BEFORE UPDATE OR DELETE ON provider_move
  FOR EACH ROW EXECUTE FUNCTION provider_move_is_append_only()
""",
    """
CREATE TRIGGER provider_move_kept BEFORE TRUNCATE ON provider_move
  FOR EACH STATEMENT EXECUTE FUNCTION provider_move_is_append_only()
""",
)
STAGES = ('applied', 'in_review', 'testing', 'live', 'suspended', 'rejected', 'closed')


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _choose(table: str, column: str, name: str, *values: str, default: str) -> None:
    op.add_column(table, sa.Column(column, _choice(name, *values), server_default=sa.text(f"'{default}'"), nullable=False))


def upgrade() -> None:
    _choose('provider', 'stage', 'providerstage', *STAGES, default='live')
    _choose('provider', 'posting_mode', 'postingmode', 'push', 'pull', default='push')
    op.add_column('provider', sa.Column('applied_by', sa.Uuid(), nullable=True))
    op.add_column('provider', sa.Column('exactness', sa.Text(), server_default=sa.text("'exact'"), nullable=False))
    op.add_column('provider', sa.Column('answers_within_minutes', sa.BigInteger(), server_default=sa.text('1440'), nullable=False))
    op.add_column('provider', sa.Column('endpoint_url', sa.Text(), nullable=True))
    op.add_column('provider', sa.Column('endpoint_sealed', sa.LargeBinary(), nullable=True))
    op.create_check_constraint(op.f('ck_provider_answers_within'), 'provider', 'answers_within_minutes BETWEEN 15 AND 1440')
    op.create_check_constraint(op.f('ck_provider_exactness'), 'provider', "exactness = 'exact'")
    _choose('organisation', 'mode', 'mode', 'test', 'live', default='live')
    _choose('machine_client', 'mode', 'mode', 'test', 'live', default='live')
    op.create_table('provider_move',
    sa.Column('provider_id', sa.Uuid(), nullable=False),
    sa.Column('from_stage', sa.Text(), nullable=True),
    sa.Column('to_stage', _choice('providerstage', *STAGES), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(from_stage IS NULL) = (to_stage = 'applied')", name=op.f('ck_provider_move_begins_applied')),
    sa.CheckConstraint("reason IS NOT NULL OR to_stage NOT IN ('suspended', 'rejected', 'closed')", name=op.f('ck_provider_move_has_a_reason')),
    sa.ForeignKeyConstraint(['provider_id'], ['provider.id'], name=op.f('fk_provider_move_provider_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_provider_move'))
    )
    op.create_index('ix_provider_move_provider', 'provider_move', ['provider_id', 'id'], unique=False)
    op.create_table('provider_change',
    sa.Column('provider_id', sa.Uuid(), nullable=False),
    sa.Column('wanted', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('before', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('state', _choice('changestate', 'proposed', 'approved', 'applied', 'declined', 'withdrawn'), nullable=False),
    sa.Column('proposed_by', sa.Uuid(), nullable=False),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('applied_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(state = 'applied') = (applied_at IS NOT NULL)", name=op.f('ck_provider_change_applied')),
    sa.CheckConstraint("(state IN ('proposed', 'withdrawn')) = (decided_at IS NULL)", name=op.f('ck_provider_change_decided')),
    sa.CheckConstraint('decided_by IS NULL OR decided_by <> proposed_by', name=op.f('ck_provider_change_two_people')),
    sa.CheckConstraint("state <> 'declined' OR reason IS NOT NULL", name=op.f('ck_provider_change_declined_has_a_reason')),
    sa.ForeignKeyConstraint(['provider_id'], ['provider.id'], name=op.f('fk_provider_change_provider_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_provider_change'))
    )
    op.create_index('ix_provider_change_provider', 'provider_change', ['provider_id', 'id'], unique=False)
    op.create_index('uq_provider_change_open', 'provider_change', ['provider_id'], unique=True, postgresql_where=sa.text("state = 'proposed'"))
    op.create_index('ix_provider_change_due', 'provider_change', ['valid_from'], unique=False, postgresql_where=sa.text("state = 'approved'"))
    op.create_table('trial_posting',
    sa.Column('provider_id', sa.Uuid(), nullable=False),
    sa.Column('bill_no', sa.Text(), nullable=False),
    sa.Column('period', sa.Text(), nullable=False),
    sa.Column('customer_code', sa.Text(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('state', _choice('trialstate', 'pending', 'posted', 'rejected'), nullable=False),
    sa.Column('receipt_no', sa.Text(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('posted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('attempts', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount_vnd BETWEEN 1 AND 99999999999', name=op.f('ck_trial_posting_amount')),
    sa.CheckConstraint("(state = 'posted') = (receipt_no IS NOT NULL)", name=op.f('ck_trial_posting_posted_has_a_receipt')),
    sa.ForeignKeyConstraint(['provider_id'], ['provider.id'], name=op.f('fk_trial_posting_provider_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trial_posting'))
    )
    op.create_index('ix_trial_posting_provider', 'trial_posting', ['provider_id', 'id'], unique=False)
    op.create_table('trial_comparison',
    sa.Column('provider_id', sa.Uuid(), nullable=False),
    sa.Column('statement_id', sa.Uuid(), nullable=False),
    sa.Column('business_day', sa.Date(), nullable=False),
    sa.Column('matched', sa.BigInteger(), nullable=False),
    sa.Column('ours_open', sa.BigInteger(), nullable=False),
    sa.Column('theirs_open', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('matched >= 0 AND ours_open >= 0 AND theirs_open >= 0', name=op.f('ck_trial_comparison_counts')),
    sa.ForeignKeyConstraint(['provider_id'], ['provider.id'], name=op.f('fk_trial_comparison_provider_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trial_comparison'))
    )
    op.create_index('ix_trial_comparison_provider', 'trial_comparison', ['provider_id', 'id'], unique=False)
    for statement in GUARDS:
        op.execute(statement)
