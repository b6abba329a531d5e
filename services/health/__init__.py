"""Clinics: where they are, when they have places, and the way from a booked place to the doctor's door.

A place is a row made by one writer, and only the database gives it away: no two people ever have the same one. Whoever
finds a day full gets the nearest free places and a place on the waiting list in the same answer. Nothing medical leaves
this room but to the clinic itself.
"""
