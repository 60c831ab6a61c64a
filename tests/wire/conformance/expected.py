# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences from Knot and NSD that are meant, each with its reason. Everything else is a bug.
A row says which records of dnsdiff.py it explains: category (glob), fields, and a pattern of the question;
the last column may look at the whole record."""
import fnmatch
import re

import dnswire as W


def extra_record_is_not_opt(record):
    """The query's additional record, which a mutation has made another type."""
    wire = bytes.fromhex(record['wire'])
    try:
        query = W.parse(wire)
    except W.WireError:
        end = wire.find(b'\0', 12) + 5          # behind an uncompressed question
        return wire[end:end + 1] == b'\0' and wire[end + 1:end + 3] != b'\0\x29'
    return any(r.sec == 2 for r in query.rrs if r.type != 41)


INTENDED = [
    # category, fields, question, reason, condition
    ('xfr', 'axfr', r'', 'zone transfers come with a later issue', None),
    ('*any*', 'answer', r' ANY\b', 'RFC 8482 4.1: one RRset is a whole answer to ANY', None),
    ('edns', 'rcode aa tc answer authority glue edns', r'cookie (short|long)',
     'RFC 7873 5.2.2: a COOKIE option of a wrong length is FORMERR (the references have no cookies configured)', None),
    ('edns', 'edns', r'keepalive', 'RFC 7828 3.3.2: a TCP response says how long the connection may idle', None),
    ('malformed', 'rcode aa answer authority', r'[AI]XFR over UDP', 'zone transfers come with a later issue', None),
    ('malformed', 'resp', r'question: .*pointer|second question compressed', 'FORMERR, as NSD and BIND; Knot says nothing, and on a busy machine NSD is too late at times', None),
    ('fuzz', 'rcode aa answer authority glue edns', r'', 'the RDATA of additional records that are not ours to act on (RFC 1035 4.1.1) is not parsed',
     extra_record_is_not_opt),
    ('fuzz', 'rcode', r'', 'RFC 8906 3.1.4: of a message with another opcode than QUERY nothing else is read',
     lambda r: r['got'] == 4 and bytes.fromhex(r['wire'])[2] >> 3 & 15 != 0),
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
