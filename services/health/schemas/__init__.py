"""What the operations of clinics take and give."""
