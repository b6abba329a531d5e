"""Create guides and all that stands around them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0014'
down_revision = '0013'


def upgrade() -> None:
    op.create_table('guide_blob',
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('sha256', name=op.f('pk_guide_blob'))
    )
    op.create_table('guide_category',
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('parent_code', sa.Text(), nullable=True),
    sa.Column('name_vi', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['parent_code'], ['guide_category.code'], name=op.f('fk_guide_category_parent_code')),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_guide_category'))
    )
    op.create_table('guide_counter',
    sa.Column('only_one', sa.Boolean(), nullable=False),
    sa.Column('last_no', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('only_one', name=op.f('ck_guide_counter_only_one')),
    sa.PrimaryKeyConstraint('only_one', name=op.f('pk_guide_counter'))
    )
    op.create_table('guide_pack',
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('base_id', sa.Uuid(), nullable=True),
    sa.Column('bytes_total', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.Column('files', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('manifest', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('signature', sa.Text(), nullable=False),
    sa.Column('kid', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('bytes_total > 0', name=op.f('ck_guide_pack_bytes_total_is_positive')),
    sa.ForeignKeyConstraint(['base_id'], ['guide_pack.id'], name=op.f('fk_guide_pack_base_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_guide_pack')),
    sa.UniqueConstraint('scope', 'number', 'base_id', name=op.f('uq_guide_pack_scope_number_base_id'), postgresql_nulls_not_distinct=True)
    )
    op.create_index('ix_guide_pack_newest', 'guide_pack', ['scope', 'number'], unique=False, postgresql_where=sa.text('base_id IS NULL'))
    op.create_table('guide_pack_key',
    sa.Column('kid', sa.Text(), nullable=False),
    sa.Column('public_jwk', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('kid', name=op.f('pk_guide_pack_key'))
    )
    op.create_table('visitor',
    sa.Column('citizen_id', sa.Uuid(), nullable=True),
    sa.Column('token_hash', sa.LargeBinary(), nullable=True),
    sa.Column('seen_on', sa.Date(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(citizen_id IS NULL) <> (token_hash IS NULL)', name=op.f('ck_visitor_citizen_or_phone')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_visitor')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_visitor_token_hash'))
    )
    op.create_index('ix_visitor_seen_on', 'visitor', ['seen_on'], unique=False, postgresql_where=sa.text('citizen_id IS NULL'))
    op.create_index('uq_visitor_citizen', 'visitor', ['citizen_id'], unique=True, postgresql_where=sa.text('citizen_id IS NOT NULL'))
    op.create_table('guide',
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('short_code', sa.Text(), nullable=False),
    sa.Column('kind', sa.Enum('place', 'itinerary', 'event', 'craft_village', 'food', 'tip', name='guidekind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('category_code', sa.Text(), nullable=False),
    sa.Column('tags', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('heritage_rank', sa.Enum('world', 'special_national', 'national', 'provincial', name='heritagerank', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('commune_code', sa.Text(), nullable=True),
    sa.Column('province_code', sa.Text(), nullable=True),
    sa.Column('address', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('lat', sa.Double(), nullable=True),
    sa.Column('lon', sa.Double(), nullable=True),
    sa.Column('coord_precision', sa.Text(), nullable=True),
    sa.Column('geometry', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('hours', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('changes', sa.ARRAY(sa.DateTime(timezone=True)), nullable=True),
    sa.Column('changes_until_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('prices', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('is_free', sa.Boolean(), nullable=True),
    sa.Column('accessibility', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('is_accessible', sa.Boolean(), nullable=True),
    sa.Column('contacts', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('details', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('licence', sa.Text(), nullable=False),
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('verified_on', sa.Date(), nullable=True),
    sa.Column('valid_until_on', sa.Date(), nullable=True),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('change_no', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(lat IS NULL) = (lon IS NULL)', name=op.f('ck_guide_point_is_whole')),
    sa.CheckConstraint('lat BETWEEN -90 AND 90 AND lon BETWEEN -180 AND 180', name=op.f('ck_guide_point_on_earth')),
    sa.CheckConstraint('valid_until_on IS NULL OR valid_until_on >= verified_on', name=op.f('ck_guide_valid_after_verified')),
    sa.CheckConstraint('version > 0', name=op.f('ck_guide_version_is_positive')),
    sa.ForeignKeyConstraint(['category_code'], ['guide_category.code'], name=op.f('fk_guide_category_code')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_guide_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_guide')),
    sa.UniqueConstraint('short_code', name=op.f('uq_guide_short_code')),
    sa.UniqueConstraint('slug', name=op.f('uq_guide_slug'))
    )
    op.create_index('ix_guide_box', 'guide', ['lat', 'lon'], unique=False, postgresql_where=sa.text('withdrawn_at IS NULL'))
    op.create_index('ix_guide_change_no', 'guide', ['change_no'], unique=True)
    op.create_index(op.f('ix_guide_changed_at'), 'guide', ['changed_at'], unique=False)
    op.create_index('ix_guide_changes_until', 'guide', ['changes_until_at'], unique=False, postgresql_where=sa.text('changes IS NOT NULL'))
    op.create_index('ix_guide_commune', 'guide', ['commune_code'], unique=False, postgresql_where=sa.text('withdrawn_at IS NULL'))
    op.create_index('ix_guide_near', 'guide', ['category_code', 'lat', 'lon'], unique=False, postgresql_where=sa.text('withdrawn_at IS NULL'))
    op.create_index(op.f('ix_guide_organisation_id'), 'guide', ['organisation_id'], unique=False)
    op.create_index('ix_guide_province', 'guide', ['province_code'], unique=False, postgresql_where=sa.text('withdrawn_at IS NULL'))
    op.create_index('ix_guide_tags', 'guide', ['tags'], unique=False, postgresql_using='gin')
    op.create_table('guide_alert',
    sa.Column('kind', sa.Enum('storm', 'flood', 'landslide', 'fire', 'closure', 'crowd', name='alertkind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('level', sa.BigInteger(), nullable=False),
    sa.Column('closes', sa.Boolean(), nullable=False),
    sa.Column('reason_vi', sa.Text(), nullable=False),
    sa.Column('reason_en', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('province_codes', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('commune_codes', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('guide_ids', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('author_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('cardinality(province_codes) + cardinality(commune_codes) + cardinality(guide_ids) > 0', name=op.f('ck_guide_alert_covers_something')),
    sa.CheckConstraint('level BETWEEN 1 AND 5', name=op.f('ck_guide_alert_level')),
    sa.CheckConstraint('starts_at < ends_at', name=op.f('ck_guide_alert_ends_after_it_starts')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_guide_alert_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_guide_alert'))
    )
    op.create_index('ix_guide_alert_ends_at', 'guide_alert', ['ends_at'], unique=False, postgresql_where=sa.text('ended_at IS NULL'))
    op.create_index(op.f('ix_guide_alert_organisation_id'), 'guide_alert', ['organisation_id'], unique=False)
    op.create_table('guide_import',
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('author_id', sa.Uuid(), nullable=False),
    sa.Column('format', sa.Text(), nullable=False),
    sa.Column('drafted', sa.BigInteger(), nullable=False),
    sa.Column('unchanged', sa.BigInteger(), nullable=False),
    sa.Column('refused', sa.BigInteger(), nullable=False),
    sa.Column('errors', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_guide_import_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_guide_import'))
    )
    op.create_index(op.f('ix_guide_import_organisation_id'), 'guide_import', ['organisation_id'], unique=False)
    op.create_table('guide_pack_part',
    sa.Column('pack_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.BigInteger(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['pack_id'], ['guide_pack.id'], name=op.f('fk_guide_pack_part_pack_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('pack_id', 'place', name=op.f('pk_guide_pack_part'))
    )
    op.create_table('guide_revision',
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('body', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('state', sa.Enum('draft', 'in_review', 'sent_back', 'scheduled', 'published', name='revisionstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('author_id', sa.Uuid(), nullable=False),
    sa.Column('reviewer_id', sa.Uuid(), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('publish_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(state = 'published') = (published_at IS NOT NULL)", name=op.f('ck_guide_revision_published_at')),
    sa.CheckConstraint("state NOT IN ('scheduled', 'published') OR reviewer_id IS NOT NULL", name=op.f('ck_guide_revision_reviewed')),
    sa.CheckConstraint('reviewer_id IS NULL OR reviewer_id <> author_id', name=op.f('ck_guide_revision_reviewed_by_another')),
    sa.CheckConstraint('version > 0', name=op.f('ck_guide_revision_version_is_positive')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_guide_revision_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_guide_revision')),
    sa.UniqueConstraint('guide_id', 'number', name=op.f('uq_guide_revision_guide_id_number'))
    )
    op.create_index('ix_guide_revision_due', 'guide_revision', ['publish_at'], unique=False, postgresql_where=sa.text("state = 'scheduled'"))
    op.create_index('ix_guide_revision_organisation', 'guide_revision', ['organisation_id', 'id'], unique=False)
    op.create_table('visitor_plan',
    sa.Column('visitor_id', sa.Uuid(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=True),
    sa.Column('stops', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('version > 0', name=op.f('ck_visitor_plan_version_is_positive')),
    sa.ForeignKeyConstraint(['visitor_id'], ['visitor.id'], name=op.f('fk_visitor_plan_visitor_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_visitor_plan'))
    )
    op.create_index('ix_visitor_plan_visitor', 'visitor_plan', ['visitor_id', 'id'], unique=False)
    op.create_table('guide_card',
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('lang', sa.Text(), nullable=False),
    sa.Column('card', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_guide_card_guide_id')),
    sa.PrimaryKeyConstraint('guide_id', 'lang', name=op.f('pk_guide_card'))
    )
    op.create_table('guide_link_check',
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('failures', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_guide_link_check_guide_id')),
    sa.PrimaryKeyConstraint('guide_id', 'url', name=op.f('pk_guide_link_check'))
    )
    op.create_index(op.f('ix_guide_link_check_checked_at'), 'guide_link_check', ['checked_at'], unique=False)
    op.create_table('guide_media',
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('image', 'audio', 'video', name='mediakind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('media_type', sa.Text(), nullable=False),
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.Column('bytes_total', sa.BigInteger(), nullable=False),
    sa.Column('author', sa.Text(), nullable=True),
    sa.Column('licence', sa.Text(), nullable=True),
    sa.Column('alt', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('transcript', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('state', sa.Enum('draft', 'published', 'withdrawn', name='publication', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('place', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state <> 'published' OR (author <> '' AND licence <> '' AND licence IS NOT NULL AND author IS NOT NULL)", name=op.f('ck_guide_media_published_has_a_licence')),
    sa.CheckConstraint('bytes_total > 0', name=op.f('ck_guide_media_bytes_total_is_positive')),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_guide_media_guide_id')),
    sa.ForeignKeyConstraint(['sha256'], ['guide_blob.sha256'], name=op.f('fk_guide_media_sha256')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_guide_media')),
    sa.UniqueConstraint('guide_id', 'sha256', name=op.f('uq_guide_media_guide_id_sha256'))
    )
    op.create_index('ix_guide_media_guide', 'guide_media', ['guide_id', 'place'], unique=False)
    op.create_table('guide_report',
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('about', sa.Text(), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('lang', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('open', 'settled', name='reportstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_guide_report_guide_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_guide_report'))
    )
    op.create_index('ix_guide_report_state', 'guide_report', ['state', 'id'], unique=False)
    op.create_table('guide_stop',
    sa.Column('itinerary_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.BigInteger(), nullable=False),
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('stay_minutes', sa.BigInteger(), nullable=False),
    sa.Column('transfer_minutes', sa.BigInteger(), nullable=True),
    sa.Column('transfer', sa.Text(), nullable=True),
    sa.Column('note', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.CheckConstraint('stay_minutes >= 0 AND transfer_minutes >= 0', name=op.f('ck_guide_stop_minutes')),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_guide_stop_guide_id')),
    sa.ForeignKeyConstraint(['itinerary_id'], ['guide.id'], name=op.f('fk_guide_stop_itinerary_id')),
    sa.PrimaryKeyConstraint('itinerary_id', 'place', name=op.f('pk_guide_stop'))
    )
    op.create_index('ix_guide_stop_guide', 'guide_stop', ['guide_id'], unique=False)
    op.create_table('guide_text',
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('lang', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('draft', 'published', 'withdrawn', name='publication', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('body', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('title_fold', sa.Text(), nullable=False),
    sa.Column('search', postgresql.TSVECTOR(), nullable=True),
    sa.Column('reviewed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("lang ~ '^[a-z]{2,3}$'", name=op.f('ck_guide_text_lang')),
    sa.CheckConstraint("state <> 'published' OR title <> ''", name=op.f('ck_guide_text_published_has_a_title')),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_guide_text_guide_id')),
    sa.PrimaryKeyConstraint('guide_id', 'lang', name=op.f('pk_guide_text'))
    )
    op.create_index('ix_guide_text_search', 'guide_text', ['search'], unique=False, postgresql_using='gin')
    op.create_table('ticket_day',
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('visit_on', sa.Date(), nullable=False),
    sa.Column('capacity', sa.BigInteger(), nullable=False),
    sa.Column('taken', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('taken BETWEEN 0 AND capacity', name=op.f('ck_ticket_day_taken')),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_ticket_day_guide_id')),
    sa.PrimaryKeyConstraint('guide_id', 'visit_on', name=op.f('pk_ticket_day'))
    )
    op.create_table('ticket_order',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('visit_on', sa.Date(), nullable=False),
    sa.Column('places', sa.BigInteger(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Enum('held', 'paid', 'released', 'refund_due', 'refunded', name='orderstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=True),
    sa.Column('refundable_until_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('refund_tries', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount_vnd BETWEEN 0 AND 99999999999', name=op.f('ck_ticket_order_amount')),
    sa.CheckConstraint('places > 0', name=op.f('ck_ticket_order_places_is_positive')),
    sa.CheckConstraint('refund_tries >= 0', name=op.f('ck_ticket_order_refund_tries')),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_ticket_order_guide_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ticket_order'))
    )
    op.create_index('ix_ticket_order_citizen', 'ticket_order', ['citizen_id', 'id'], unique=False)
    op.create_index('ix_ticket_order_held', 'ticket_order', ['created_at'], unique=False, postgresql_where=sa.text("state = 'held'"))
    op.create_index('ix_ticket_order_payment', 'ticket_order', ['payment_id'], unique=False, postgresql_where=sa.text('payment_id IS NOT NULL'))
    op.create_table('ticket_type',
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('visitor_class', sa.Enum('adult', 'child', 'student', 'senior', 'resident', 'foreigner', name='visitorclass', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('name_vi', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('price_vnd', sa.BigInteger(), nullable=False),
    sa.Column('refund_hours_before', sa.BigInteger(), nullable=True),
    sa.Column('is_sold', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('price_vnd BETWEEN 0 AND 99999999999', name=op.f('ck_ticket_type_price')),
    sa.CheckConstraint('refund_hours_before >= 0', name=op.f('ck_ticket_type_refund_hours')),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_ticket_type_guide_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ticket_type')),
    sa.UniqueConstraint('guide_id', 'visitor_class', name=op.f('uq_ticket_type_guide_id_visitor_class'))
    )
    op.create_table('visitor_favourite',
    sa.Column('visitor_id', sa.Uuid(), nullable=False),
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_visitor_favourite_guide_id')),
    sa.ForeignKeyConstraint(['visitor_id'], ['visitor.id'], name=op.f('fk_visitor_favourite_visitor_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('visitor_id', 'guide_id', name=op.f('pk_visitor_favourite'))
    )
    op.create_table('visitor_visit',
    sa.Column('visitor_id', sa.Uuid(), nullable=False),
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('visited_on', sa.Date(), nullable=False),
    sa.Column('proved_by', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_visitor_visit_guide_id')),
    sa.ForeignKeyConstraint(['visitor_id'], ['visitor.id'], name=op.f('fk_visitor_visit_visitor_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_visitor_visit')),
    sa.UniqueConstraint('visitor_id', 'guide_id', 'visited_on', name=op.f('uq_visitor_visit_visitor_id_guide_id_visited_on'))
    )
    op.create_index('ix_visitor_visit_visitor', 'visitor_visit', ['visitor_id', 'id'], unique=False)
    op.create_table('ticket',
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('type_id', sa.Uuid(), nullable=False),
    sa.Column('guide_id', sa.Uuid(), nullable=False),
    sa.Column('visit_on', sa.Date(), nullable=False),
    sa.Column('state', sa.Enum('valid', 'used', 'cancelled', name='ticketstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(state = 'used') = (used_at IS NOT NULL)", name=op.f('ck_ticket_used_at')),
    sa.ForeignKeyConstraint(['guide_id'], ['guide.id'], name=op.f('fk_ticket_guide_id')),
    sa.ForeignKeyConstraint(['order_id'], ['ticket_order.id'], name=op.f('fk_ticket_order_id')),
    sa.ForeignKeyConstraint(['type_id'], ['ticket_type.id'], name=op.f('fk_ticket_type_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ticket'))
    )
    op.create_index('ix_ticket_gate', 'ticket', ['guide_id', 'visit_on'], unique=False)
    op.create_index('ix_ticket_order', 'ticket', ['order_id'], unique=False)
    op.create_table('gate_scan',
    sa.Column('ticket_id', sa.Uuid(), nullable=False),
    sa.Column('gate', sa.Text(), nullable=False),
    sa.Column('scanned_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id'], name=op.f('fk_gate_scan_ticket_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_gate_scan')),
    sa.UniqueConstraint('ticket_id', 'scanned_at', 'gate', name=op.f('uq_gate_scan_ticket_id_scanned_at_gate'))
    )
    # Notifications learn to speak of tickets.
    kinds = (
        'bills_paid', 'payment_ended', 'bills_returned', 'new_device', 'session_closed', 'passkey_added', 'app_allowed',
        'mandate_accepted', 'mandate_revoked', 'school_round', 'school_gone', 'open_day_cancelled',
        'automatic_announced', 'automatic_left', 'tickets_ready', 'tickets_returned',
    )
    op.drop_constraint(op.f('ck_message_messagekind'), 'message')
    op.create_check_constraint(op.f('ck_message_messagekind'), 'message', f'kind IN {kinds}')
