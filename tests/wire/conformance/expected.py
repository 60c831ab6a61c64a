# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences from Knot and NSD that are meant, each with its reason. Everything else is a bug.
A row says which records of dnsdiff.py it explains: category (glob), field, and a pattern of the question."""
import fnmatch
import re

INTENDED = [
    # category, fields, question, reason
    ('xfr', 'axfr', r'', 'zone transfers come with a later issue'),
    ('*', 'answer', r' ANY\b', 'RFC 8482 4.1: one RRset is a whole answer to ANY'),
]


def why_intended(record):
    """The reason for a record of dnsdiff.py, or None."""
    field = record.get('field', 'invariant')
    for category, fields, question, reason in INTENDED:
        if fnmatch.fnmatch(record.get('cat', ''), category) and field in fields.split() and re.search(question, record.get('q', '')):
            return reason
    return None
