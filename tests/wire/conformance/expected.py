# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences from Knot and NSD that are meant, each with its reason. Everything else is a bug.
A row says which records of dnsdiff.py it explains: category (glob), fields, and a pattern of the question;
the last column may look at the whole record."""
import fnmatch
import re


def formerr_with_opt(record):
    """Ours: FORMERR, with OPT; theirs without."""
    return record['want'] == 'no-opt' and record['got'][0] == 'opt'


INTENDED = [
    # category, fields, question, reason, condition
    ('xfr', 'axfr', r'', 'zone transfers come with a later issue', None),
    ('*any*', 'answer', r' ANY\b', 'RFC 8482 4.1: one RRset is a whole answer to ANY', None),
    ('edns', 'rcode aa answer authority glue', r'cookie (short|long)',
     'RFC 7873 5.2.2: a COOKIE option of a wrong length is FORMERR (the references have no cookies configured)', None),
    ('edns', 'edns', r'keepalive', 'RFC 7828 3.3.2: a TCP response says how long the connection may idle', None),
    ('malformed fuzz', 'edns', r'', 'RFC 6891 7: a FORMERR about an OPT carries an OPT', formerr_with_opt),
    ('dname any', 'rcode', r'\.dnlong\.', 'the target of a synthesised CNAME is not compressed, so that the chain is truncated a few octets '
     'earlier, before the last name and its RCODE are known', lambda r: r['got'] == 0),
]


def why_intended(record):
    """The reason for a record of dnsdiff.py, or None."""
    field = record.get('field', 'invariant')
    for categories, fields, question, reason, condition in INTENDED:
        if any(fnmatch.fnmatch(record.get('cat', ''), c) for c in categories.split()) and field in fields.split() and \
                re.search(question, record.get('q', '')) and (condition is None or condition(record)):
            return reason
    return None
