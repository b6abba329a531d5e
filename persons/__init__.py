"""Personal data and who may use it: the identity vault, the household, mandates, consents, requests, the access log."""
