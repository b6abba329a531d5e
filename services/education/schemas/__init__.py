"""What the room takes and gives, by noun."""
