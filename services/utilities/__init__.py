"""Power and water bills.

This room finds what a household owes its power or water company, explains how the amount came about, has it paid
exactly once and posts the payment with the company (gạch nợ). The company stays the owner of the debt: the room asks
it again before any money is taken, and remits the money afterwards together with the list of what was paid.
"""
