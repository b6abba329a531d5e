"""What citizens are told: an inbox they can read any time, pushes that hint at it, and one-time codes by text message.

Messages come from events of other rooms and are written once per event. A push carries nothing personal: it only says
that the inbox has something new. Firebase and the text message company each stand behind one file.
"""
