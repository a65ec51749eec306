"""The words of the trade as plain frozen values: no I/O, standard library only."""
