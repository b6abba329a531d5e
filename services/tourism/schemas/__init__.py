"""What the operations of guides take and give, one file a noun."""
