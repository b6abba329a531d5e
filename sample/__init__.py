"""The sample province: facts as CSV and JSON files, and the two scripts that make them."""
