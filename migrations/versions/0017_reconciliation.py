"""Close the books of providers: terms, remittances, statements, comparisons, and what is said of differences."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0017'
down_revision = '0016'

# What is published stays as it is signed, and gets no line more. It becomes final; then it may still be tied to the
# bank's line and the payee's own advice, and to nothing else.
GUARDS = (
    """
CREATE OR REPLACE FUNCTION remittance_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE later text[] := '{paid_line_id,confirmed_on}';
BEGIN
  IF OLD.state = 'published' THEN
    later := later || '{state,final_at}'::text[];
  END IF;
  IF OLD.state <> 'draft' AND (TG_OP = 'DELETE' OR NEW.state = 'draft'
      OR to_jsonb(NEW) - later IS DISTINCT FROM to_jsonb(OLD) - later) THEN
    RAISE EXCEPTION 'a published remittance is never changed: publish a revision' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$
""",
    """
CREATE OR REPLACE FUNCTION remittance_line_is_drafted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM (SELECT DISTINCT remittance_id FROM added) a JOIN remittance r ON r.id = a.remittance_id
      WHERE r.state <> 'draft') THEN
    RAISE EXCEPTION 'a line is added to a draft alone: publish a revision' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$
""",
    """
CREATE TRIGGER remittance_line_drafted AFTER INSERT ON remittance_line REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION remittance_line_is_drafted()
""",
    """
CREATE TRIGGER remittance_append_only BEFORE UPDATE OR DELETE ON remittance
  FOR EACH ROW EXECUTE FUNCTION remittance_is_final()
""",
    """
CREATE TRIGGER remittance_line_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON remittance_line
  FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()
""",
)


def upgrade() -> None:
    op.create_table('match_run',
    sa.Column('way', sa.Enum('gateway', 'bank', 'provider', 'advice', name='way', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('payee_id', sa.Uuid(), nullable=True),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=False),
    sa.Column('ours', sa.BigInteger(), nullable=False),
    sa.Column('theirs', sa.BigInteger(), nullable=False),
    sa.Column('matched', sa.BigInteger(), nullable=False),
    sa.Column('matched_vnd', sa.BigInteger(), nullable=False),
    sa.Column('ours_open', sa.BigInteger(), nullable=False),
    sa.Column('theirs_open', sa.BigInteger(), nullable=False),
    sa.Column('opened', sa.BigInteger(), nullable=False),
    sa.Column('closed', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('ours = matched + ours_open AND theirs = matched + theirs_open', name=op.f('ck_match_run_no_line_is_lost')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_match_run'))
    )
    op.create_index('ix_match_run_payee', 'match_run', ['payee_id', 'way', 'id'], unique=False)
    op.create_table('payee_terms',
    sa.Column('payee_id', sa.Uuid(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('cut_off_minutes', sa.BigInteger(), nullable=False),
    sa.Column('commission_vnd', sa.BigInteger(), nullable=False),
    sa.Column('commission_bp', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('commission_vnd >= 0 AND commission_bp BETWEEN 0 AND 10000', name=op.f('ck_payee_terms_commission')),
    sa.CheckConstraint('cut_off_minutes BETWEEN 1 AND 1440', name=op.f('ck_payee_terms_cut_off')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payee_terms')),
    sa.UniqueConstraint('payee_id', 'valid_from', name=op.f('uq_payee_terms_payee_id_valid_from'))
    )
    op.create_table('statement',
    sa.Column('payee_id', sa.Uuid(), nullable=False),
    sa.Column('way', sa.Enum('gateway', 'bank', 'provider', 'advice', name='way', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('business_day', sa.Date(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('current', sa.Boolean(), nullable=False),
    sa.Column('format', sa.Text(), nullable=False),
    sa.Column('file_hash', sa.Text(), nullable=False),
    sa.Column('content_hash', sa.Text(), nullable=False),
    sa.Column('read', sa.BigInteger(), nullable=False),
    sa.Column('accepted', sa.BigInteger(), nullable=False),
    sa.Column('refused', sa.BigInteger(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('added', sa.BigInteger(), nullable=False),
    sa.Column('removed', sa.BigInteger(), nullable=False),
    sa.Column('errors', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('accepted + refused = read', name=op.f('ck_statement_no_line_is_lost')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_statement'))
    )
    op.create_index('uq_statement_current', 'statement', ['payee_id', 'way', 'business_day'], unique=True, postgresql_where=sa.text('current'))
    op.create_index('uq_statement_revision', 'statement', ['payee_id', 'way', 'business_day', 'revision'], unique=True)
    op.create_table('discrepancy_note',
    sa.Column('discrepancy_id', sa.Uuid(), nullable=False),
    sa.Column('payee_id', sa.Uuid(), nullable=True),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('evidence_hash', sa.Text(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['discrepancy_id'], ['discrepancy.id'], name=op.f('fk_discrepancy_note_discrepancy_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_discrepancy_note'))
    )
    op.create_index('ix_discrepancy_note_of', 'discrepancy_note', ['discrepancy_id', 'id'], unique=False)
    op.create_table('statement_layout',
    sa.Column('provider_id', sa.Uuid(), nullable=False),
    sa.Column('way', sa.Text(), nullable=False),
    sa.Column('columns', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['provider_id'], ['provider.id'], name=op.f('fk_statement_layout_provider_id')),
    sa.PrimaryKeyConstraint('provider_id', 'way', name=op.f('pk_statement_layout'))
    )
    op.create_table('statement_row',
    sa.Column('statement_id', sa.Uuid(), nullable=False),
    sa.Column('line', sa.BigInteger(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('receipt_no', sa.Text(), nullable=True),
    sa.Column('customer_code', sa.Text(), nullable=True),
    sa.CheckConstraint('amount_vnd <> 0', name=op.f('ck_statement_row_amount')),
    sa.ForeignKeyConstraint(['statement_id'], ['statement.id'], name=op.f('fk_statement_row_statement_id')),
    sa.PrimaryKeyConstraint('statement_id', 'line', name=op.f('pk_statement_row'))
    )
    op.create_table('remittance',
    sa.Column('payee_id', sa.Uuid(), nullable=False),
    sa.Column('business_day', sa.Date(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('reference', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('draft', 'published', 'final', name='remittancestate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('explanation', sa.Text(), nullable=True),
    sa.Column('opens_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closes_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lines', sa.BigInteger(), nullable=False),
    sa.Column('posted_vnd', sa.BigInteger(), nullable=False),
    sa.Column('returned_vnd', sa.BigInteger(), nullable=False),
    sa.Column('clawed_back_vnd', sa.BigInteger(), nullable=False),
    sa.Column('adjusted_vnd', sa.BigInteger(), nullable=False),
    sa.Column('commission_vnd', sa.BigInteger(), nullable=False),
    sa.Column('carried_in_vnd', sa.BigInteger(), nullable=False),
    sa.Column('payable_vnd', sa.BigInteger(), nullable=False),
    sa.Column('carried_out_vnd', sa.BigInteger(), nullable=False),
    sa.Column('payee_name', sa.Text(), nullable=True),
    sa.Column('proof', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('files', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('final_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('paid_line_id', sa.Uuid(), nullable=True),
    sa.Column('confirmed_on', sa.Date(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(state = 'draft') = (published_at IS NULL)", name=op.f('ck_remittance_published')),
    sa.CheckConstraint("(state = 'final') = (final_at IS NOT NULL)", name=op.f('ck_remittance_final')),
    sa.CheckConstraint('(revision = 1) = (explanation IS NULL)', name=op.f('ck_remittance_revision_explains_itself')),
    sa.CheckConstraint('opens_at < closes_at', name=op.f('ck_remittance_window')),
    sa.CheckConstraint('payable_vnd >= 0 AND carried_out_vnd <= 0 AND carried_in_vnd <= 0', name=op.f('ck_remittance_signs')),
    sa.CheckConstraint('posted_vnd - returned_vnd - clawed_back_vnd + adjusted_vnd - commission_vnd + carried_in_vnd = payable_vnd + carried_out_vnd', name=op.f('ck_remittance_control_total')),
    sa.ForeignKeyConstraint(['paid_line_id'], ['bank_line.id'], name=op.f('fk_remittance_paid_line_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_remittance')),
    sa.UniqueConstraint('paid_line_id', name=op.f('uq_remittance_paid_line_id')),
    sa.UniqueConstraint('payee_id', 'business_day', 'revision', name=op.f('uq_remittance_payee_id_business_day_revision')),
    sa.UniqueConstraint('payee_id', 'number', name=op.f('uq_remittance_payee_id_number')),
    sa.UniqueConstraint('reference', name=op.f('uq_remittance_reference'))
    )
    op.create_index('ix_remittance_state', 'remittance', ['state', 'payee_id'], unique=False, postgresql_where=sa.text("state <> 'final'"))
    op.create_table('remittance_line',
    sa.Column('entry_id', sa.Uuid(), nullable=False),
    sa.Column('remittance_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=True),
    sa.Column('item_id', sa.Uuid(), nullable=True),
    sa.Column('booked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('commission_vnd', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('amount_vnd <> 0 AND commission_vnd >= 0', name=op.f('ck_remittance_line_amount')),
    sa.ForeignKeyConstraint(['remittance_id'], ['remittance.id'], name=op.f('fk_remittance_line_remittance_id')),
    sa.PrimaryKeyConstraint('entry_id', name=op.f('pk_remittance_line')),
    sa.UniqueConstraint('remittance_id', 'place', name=op.f('uq_remittance_line_remittance_id_place'))
    )
    op.create_index('ix_remittance_line_item', 'remittance_line', ['item_id'], unique=False, postgresql_where=sa.text('item_id IS NOT NULL'))
    op.add_column('discrepancy', sa.Column('way', sa.Enum('gateway', 'bank', 'provider', 'advice', name='way', native_enum=False, create_constraint=True, length=32), nullable=True))
    op.add_column('discrepancy', sa.Column('payee_id', sa.Uuid(), nullable=True))
    op.add_column('discrepancy', sa.Column('business_day', sa.Date(), nullable=True))
    op.add_column('discrepancy', sa.Column('due_on', sa.Date(), nullable=True))
    op.add_column('discrepancy', sa.Column('evidence_hash', sa.Text(), nullable=True))
    op.add_column('discrepancy', sa.Column('details', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True))
    op.add_column('discrepancy', sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index('ix_discrepancy_payee', 'discrepancy', ['payee_id', 'id'], unique=False, postgresql_where=sa.text('payee_id IS NOT NULL'))
    op.create_index('ix_journal_entry_payee', 'journal_entry', ['payee_id', 'created_at'], unique=False, postgresql_where=sa.text("account = '2110'"))
    op.create_index('ix_payment_item_posted', 'payment_item', ['payee_id', 'posted_at'], unique=False, postgresql_where=sa.text("posting = 'posted'"))

    op.drop_constraint(op.f('ck_discrepancy_discrepancystate'), 'discrepancy', type_='check')
    op.create_check_constraint(op.f('ck_discrepancy_discrepancystate'), 'discrepancy', "state IN ('open', 'investigating', 'proposed', 'resolved', 'auto_closed')")
    op.drop_index('ix_discrepancy_open', table_name='discrepancy')
    op.create_index('ix_discrepancy_open', 'discrepancy', ['id'], unique=False, postgresql_where=sa.text("state IN ('open', 'investigating', 'proposed')"))
    for statement in GUARDS:
        op.execute(statement)
    # What is remitted is read by the program and added to, and nothing else.
    op.execute('REVOKE UPDATE, DELETE, TRUNCATE ON remittance_line FROM CURRENT_USER')
    # The cut-offs that providers have had so far are their first terms.
    op.execute("""INSERT INTO payee_terms (id, created_at, payee_id, valid_from, cut_off_minutes, commission_vnd, commission_bp, source)
  SELECT gen_random_uuid(), now(), id, DATE '2020-01-01',
    CAST(split_part(cut_off, ':', 1) AS integer) * 60 + CAST(split_part(cut_off, ':', 2) AS integer), 0, 0, source FROM provider""")
