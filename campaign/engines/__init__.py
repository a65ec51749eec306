"""What wakes the flow, and the clocks it reads. An engine wakes; the ledger decides."""
