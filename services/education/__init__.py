"""Schools a parent can decide with.

This room keeps the directory of schools with the source and the day of every fact, finds them from half a name, says
when admissions open and whether a home lies in a school's catchment, keeps a parent's list with its reminders, and lets
the school office change what is written, with a second pair of eyes. Phones copy a province and follow its changes.
"""
