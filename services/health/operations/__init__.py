"""All SQL and rules of clinics: the directory, schedules, places, the waiting list, the door."""

from services.health.operations.arranging import arrange, hold_slot
from services.health.operations.availability import build as build_availability, find_kept, forget_kept
from services.health.operations.bookings import (
    BookingTold,
    appeal_no_show,
    cancel_booking,
    cancel_by_clinic,
    count_drift,
    free_unconfirmed,
    get_booking,
    get_visit,
    list_bookings,
    list_unconfirmed,
    move_booking,
    reconfirm,
    tell,
)
from services.health.operations.deposits import list_returned
from services.health.operations.desk import DeskBooking, list_day
from services.health.operations.directory import (
    FacilityTold,
    Near,
    Wanted,
    get_facility,
    get_own_facility,
    get_service,
    group_hours,
    list_features,
    search_facilities,
    search_services,
)
from services.health.operations.door import (
    NumberTold,
    Shown,
    add_walk_in,
    check_in,
    forgive_absence,
    get_ticket,
    override_code,
    show_code,
    show_proof,
    tell_number,
)
from services.health.operations.drawing import draw_lots, list_draws_due, place_next
from services.health.operations.draws import (
    announce_draw,
    cancel_draw,
    enter_draw,
    find_lost,
    get_draw,
    get_request as get_draw_request,
    list_draws,
    list_requests as list_draw_requests,
    list_tickets,
    withdraw_request as withdraw_draw_request,
)
from services.health.operations.holds import (
    HOLD,
    Asked,
    confirm_hold,
    extend_hold,
    hold_places,
    list_held,
    release_hold,
)
from services.health.operations.importing import Imported, import_facilities, save_holidays, save_services
from services.health.operations.interchange import (
    EVER,
    MOST_DAYS,
    SlotsWanted,
    Span,
    find_schedule,
    find_service,
    find_slot,
    get_appointment,
    get_facility_or_department,
    get_practitioner,
    list_all_schedules,
    list_bookable_facilities,
    list_departments,
    list_free,
    list_free_of_province,
    list_provinces_with_places,
    search_appointments,
    search_practitioners,
    search_schedules,
    search_slots,
    within_two_weeks,
)
from services.health.operations.kept_feed import (
    find_kept as find_kept_feed,
    forget_kept as forget_kept_feed,
    keep as keep_feed,
)
from services.health.operations.leaving import lapse_slot, list_lapsed_slots
from services.health.operations.moves import (
    NoPlaceYet,
    list_due as list_moves_due,
    list_open as list_moves_open,
    offer_place,
)
from services.health.operations.paying import record_ended, record_taken, secure_places, start_deposit
from services.health.operations.personal import TABLES, erase_citizen, export_citizen, join_citizens
from services.health.operations.queueing import (
    LaneTold,
    TurnTold,
    call_next,
    change_ticket,
    close_session,
    list_days_over,
    list_lanes,
    open_session,
    record_absences,
    skip_ticket,
    tell_turn,
)
from services.health.operations.reminders import list_due as list_reminders_due, send_due as send_reminder
from services.health.operations.schedules import (
    Written,
    add_exception,
    add_rule,
    end_rule,
    list_rules,
    raise_capacity,
    write_all_slots,
    write_slots,
)
from services.health.operations.seats import Window
from services.health.operations.timeline import list_steps
from services.health.operations.waitlist import (
    expire_waits,
    get_entry,
    join as join_waitlist,
    list_entries,
    position_of,
    withdraw as leave_waitlist,
)
