"""What is measured, how, and on what: `python -m benchmarks`."""
