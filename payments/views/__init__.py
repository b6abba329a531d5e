"""The doors of payments: what citizens see, where the gateway knocks, what clerks decide."""

from payments.views import banking, cards, citizens, clerks
from payments.views.doors import blueprint

__all__ = ["banking", "blueprint", "cards", "citizens", "clerks"]
