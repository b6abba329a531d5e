"""The services a citizen meets, one room each; rooms never import one another and speak to the rest through events."""
