"""Loopback stand-ins for the providers: they behave as the providers do, keep what they get and deliver to nobody.

``server.Sandbox`` runs them all, in a thread of this process or, by ``python -m campaign.sandbox``, in one of their
own. The channels' code does not know the difference: only the base URL changes.
"""
