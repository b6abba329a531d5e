"""Create provinces and communes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0003'
down_revision = '0002'


def upgrade() -> None:
    op.create_table('area',
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('name_vi', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.Column('former_province_codes', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('slug', name=op.f('pk_area'))
    )
    op.create_table('unit',
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('level', sa.Enum('province', 'commune', name='unitlevel', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('full_name', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('type', sa.Enum('province', 'city', 'commune', 'ward', 'township', 'special_zone', name='unittype', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('parent_code', sa.Text(), nullable=True),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('name_fold', sa.Text(), nullable=False),
    sa.Column('sort_key', sa.Text(collation='C'), nullable=False),
    postgresql.ExcludeConstraint((sa.text("int8range(code::bigint + CASE level WHEN 'province' THEN 0 ELSE 1000000 END, code::bigint + CASE level WHEN 'province' THEN 0 ELSE 1000000 END, '[]')"), '&&'), (sa.text("daterange(valid_from, valid_to, '[]')"), '&&'), using='gist', name='ex_unit_one_meaning_a_day'),
    sa.CheckConstraint("(level = 'province') = (parent_code IS NULL)", name=op.f('ck_unit_parent')),
    sa.CheckConstraint("code ~ CASE level WHEN 'province' THEN '^[0-9]{2}$' ELSE '^[0-9]{5}$' END", name=op.f('ck_unit_code')),
    sa.CheckConstraint('valid_to >= valid_from', name=op.f('ck_unit_days')),
    sa.PrimaryKeyConstraint('code', 'level', 'valid_from', name=op.f('pk_unit'))
    )
    op.create_index('ix_unit_level_name_fold', 'unit', ['level', 'name_fold'], unique=False, postgresql_ops={'name_fold': 'text_pattern_ops'})
    op.create_index('ix_unit_level_parent_code_sort_key', 'unit', ['level', 'parent_code', 'sort_key', 'code'], unique=False)
    op.create_index('ix_unit_level_sort_key', 'unit', ['level', 'sort_key', 'code'], unique=False)
    op.create_table('unit_change',
    sa.Column('old_code', sa.Text(), nullable=False),
    sa.Column('new_code', sa.Text(), nullable=False),
    sa.Column('changed_on', sa.Date(), nullable=False),
    sa.Column('kind', sa.Enum('whole', 'part', name='changekind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('old_name', sa.Text(), nullable=False),
    sa.Column('old_type', sa.Enum('province', 'city', 'commune', 'ward', 'township', 'special_zone', name='unittype', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('old_district', sa.Text(), nullable=False),
    sa.Column('old_province_code', sa.Text(), nullable=False),
    sa.Column('old_name_fold', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('old_code', 'new_code', 'changed_on', name=op.f('pk_unit_change'))
    )
    op.create_index('ix_unit_change_old_name_fold', 'unit_change', ['old_name_fold'], unique=False, postgresql_ops={'old_name_fold': 'text_pattern_ops'})
