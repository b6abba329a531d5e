"""What the gateway consists of, wired together once."""

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.gateway.balance import Balance
from sandbox.gateway.charges import Charges
from sandbox.gateway.disputes import Disputes
from sandbox.gateway.endpoints import Endpoints
from sandbox.gateway.intents import Intents
from sandbox.gateway.methods import Methods
from sandbox.gateway.payouts import Payouts
from sandbox.gateway.protocol import Announce
from sandbox.gateway.refunds import Refunds
from sandbox.gateway.setups import Setups
from sandbox.gateway.timers import Timers
from sandbox.store import Store


class Parts:
    """The gateway's parts on one store and one clock."""

    def __init__(self, store: Store, clock: Clock, faults: Faults, announce: Announce) -> None:
        """Wire the parts; nothing runs before the timers are started."""
        self.store = store
        self.clock = clock
        self.timers = Timers(store, clock)
        self.balance = Balance(store, clock, self.timers)
        self.payouts = Payouts(store, clock, self.timers, faults, self.balance, announce=announce)
        self.disputes = Disputes(store, clock, self.timers, self.balance, announce)
        self.charges = Charges(store, clock, self.timers, self.balance, announce)
        self.refunds = Refunds(store, clock, self.timers, self.balance, self.disputes, announce=announce)
        self.methods = Methods(store, clock, announce)
        self.intents = Intents(store, clock, self.timers, self.charges, self.methods, announce=announce)
        self.setups = Setups(store, clock, self.methods, announce)
        self.endpoints = Endpoints(store, clock)
