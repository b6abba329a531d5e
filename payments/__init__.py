"""Money from a citizen's card to a payee: payments and their states, the gateway, the ledger."""
