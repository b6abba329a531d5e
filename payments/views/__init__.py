"""The doors of payments: what citizens see, where the gateway knocks, what clerks decide."""

from payments.views import cards, citizens, clerks
from payments.views.doors import blueprint

__all__ = ["blueprint", "cards", "citizens", "clerks"]
