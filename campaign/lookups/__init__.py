"""Asks the world about what is to be sent, one question a file: DNS, the pages that links lead to, a spam filter.

Nothing is sent by any of them, and nothing depends on an answer but what a person is told.
"""
