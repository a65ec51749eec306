"""Turns messages into what is sent.

context     what a message can refer to            filters, share, links   what it can do with it
environment Jinja, sandboxed, strict and bounded   check, problems         what is wrong, and where
post        a post's finished thread parts         whole                   an e-mail for one person
mail        an e-mail compiled once, filled for many, by way of
            staging → recorder (later, tokens) → finish (markup, addresses) → fields
"""
