"""Create providers, bills and imports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0005'
down_revision = '0004'


def upgrade() -> None:
    op.create_table('provider',
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('kind', sa.Enum('power', 'water', name='providerkind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('name_vi', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('group_name', sa.Text(), nullable=True),
    sa.Column('areas', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('hotline', sa.Text(), nullable=True),
    sa.Column('code_pattern', sa.Text(), nullable=False),
    sa.Column('code_example', sa.Text(), nullable=False),
    sa.Column('code_label_vi', sa.Text(), nullable=False),
    sa.Column('code_label_en', sa.Text(), nullable=False),
    sa.Column('proofs', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('selection', sa.Text(), nullable=False),
    sa.Column('cut_off', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_provider')),
    sa.UniqueConstraint('slug', name=op.f('uq_provider_slug'))
    )
    op.create_table('tariff',
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('body', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_tariff'))
    )
    op.create_table('bill_import',
    sa.Column('provider_id', sa.Uuid(), nullable=False),
    sa.Column('format', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('received', 'running', 'done', 'failed', name='importstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('bytes_total', sa.BigInteger(), nullable=False),
    sa.Column('lines_read', sa.BigInteger(), nullable=False),
    sa.Column('created', sa.BigInteger(), nullable=False),
    sa.Column('changed', sa.BigInteger(), nullable=False),
    sa.Column('unchanged', sa.BigInteger(), nullable=False),
    sa.Column('refused', sa.BigInteger(), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['provider_id'], ['provider.id'], name=op.f('fk_bill_import_provider_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bill_import'))
    )
    op.create_index(op.f('ix_bill_import_provider_id'), 'bill_import', ['provider_id'], unique=False)
    op.create_table('customer',
    sa.Column('provider_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('commune_code', sa.Text(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['provider_id'], ['provider.id'], name=op.f('fk_customer_provider_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer')),
    sa.UniqueConstraint('provider_id', 'code', name=op.f('uq_customer_provider_id_code'))
    )
    op.create_table('account',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('unlinked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_account_customer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account'))
    )
    op.create_index('uq_account_linked', 'account', ['citizen_id', 'customer_id'], unique=True, postgresql_where=sa.text('unlinked_at IS NULL'))
    op.create_table('bill',
    sa.Column('provider_id', sa.Uuid(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=False),
    sa.Column('bill_no', sa.Text(), nullable=False),
    sa.Column('period', sa.Text(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('before_tax_vnd', sa.BigInteger(), nullable=False),
    sa.Column('vat_vnd', sa.BigInteger(), nullable=False),
    sa.Column('fee_vnd', sa.BigInteger(), nullable=False),
    sa.Column('usage', sa.BigInteger(), nullable=False),
    sa.Column('reading', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('lines', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('tariff_code', sa.Text(), nullable=True),
    sa.Column('issued_on', sa.Date(), nullable=False),
    sa.Column('due_on', sa.Date(), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('open', 'paying', 'paid', 'paid_elsewhere', 'withdrawn', name='billstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(state = 'paying') <= (payment_id IS NOT NULL)", name=op.f('ck_bill_paying_payment')),
    sa.CheckConstraint('amount_vnd BETWEEN 1 AND 99999999999', name=op.f('ck_bill_amount')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_bill_customer_id')),
    sa.ForeignKeyConstraint(['provider_id'], ['provider.id'], name=op.f('fk_bill_provider_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bill')),
    sa.UniqueConstraint('provider_id', 'bill_no', name=op.f('uq_bill_provider_id_bill_no'))
    )
    op.create_index('ix_bill_customer', 'bill', ['customer_id', 'period', 'id'], unique=False)
    op.create_index('ix_bill_payment', 'bill', ['payment_id'], unique=False, postgresql_where=sa.text('payment_id IS NOT NULL'))
    op.create_table('bill_import_error',
    sa.Column('import_id', sa.Uuid(), nullable=False),
    sa.Column('line', sa.BigInteger(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('field', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['import_id'], ['bill_import.id'], name=op.f('fk_bill_import_error_import_id')),
    sa.PrimaryKeyConstraint('import_id', 'line', name=op.f('pk_bill_import_error'))
    )
    op.create_table('bill_import_part',
    sa.Column('import_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.BigInteger(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['import_id'], ['bill_import.id'], name=op.f('fk_bill_import_part_import_id')),
    sa.PrimaryKeyConstraint('import_id', 'place', name=op.f('pk_bill_import_part'))
    )
    op.create_table('lookup',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('code_hash', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_lookup_customer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lookup'))
    )
    op.create_index('ix_lookup_citizen', 'lookup', ['citizen_id', 'created_at'], unique=False)
    op.create_index('ix_lookup_code', 'lookup', ['code_hash', 'created_at'], unique=False, postgresql_where=sa.text('customer_id IS NULL'))
