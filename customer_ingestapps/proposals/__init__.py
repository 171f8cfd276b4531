"""Proposals: from a sample file to an app that loads it whole; nothing is guessed in silence.

`form` finds format, encoding and delimiter, `trial` tries the project's own codecs over every value of a
column, `key_search` looks for a key, `proposal` puts them together, `declaration` writes the `app.toml`.
"""
