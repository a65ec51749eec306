"""What the flow needs from the world: one Protocol per file. Adapters and stand-ins share the port's file name."""
