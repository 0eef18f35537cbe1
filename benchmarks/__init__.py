"""Speed, side by side with a peer that does the same work: `python -m benchmarks NAME` from the checkout's root."""
