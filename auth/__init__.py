"""Who is calling: sign-in by phone, sessions and access tokens, machine clients, and the guard every request passes."""
