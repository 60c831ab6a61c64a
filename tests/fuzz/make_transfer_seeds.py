#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds of fuzz_transfer: every answer of tests/wire/test_transfer_hostile.py, to a question with the ID 0x1234. By hand, when
those change: make_transfer_seeds.py tests/fuzz/corpus/fuzz_transfer"""
import base64
import pathlib
import random
import re
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'wire'))
import test_transfer_hostile as t  # noqa: E402

random.seed(4711)
t.os.urandom = random.randbytes
t.time.time = lambda: 1795600000
QUERY = struct.pack('!HHHHHH', 0x1234, 0, 1, 0, 0, 0) + t.wire_name(t.NAME) + struct.pack('!HH', 252, 1)


class Signer(t.Signer):
    """Without a question to look at: its MAC is of no matter here."""

    def __init__(self, query, name=t.KEY, secret=t.SECRET, algorithm='hmac-sha256', shift_s=0):
        self.name, self.algorithm, self.secret = t.wire_name(name), t.wire_name(algorithm), base64.b64decode(secret)
        self.mac, self.first, self.held, self.shift_s = bytes(32), True, b'', shift_s


def write(folder, name, octet, messages):
    (folder / re.sub('[^a-z0-9]+', '-', name.lower())).write_bytes(bytes((octet,)) + b''.join(t.frame(m) for m in messages))


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
t.Signer = Signer
write(folder, 'good', 0, [t.message(QUERY, t.good())])
write(folder, 'good in parts', 0, [t.message(QUERY, [r], question=b'' if i else None) for i, r in enumerate(t.good())])
root = struct.pack('!HHHHHH', 0x1234, 0x8400, 1, 3, 0, 0) + b'\0' + struct.pack('!HH', 252, 1)
write(folder, 'good root', 2, [root + t.soa(owner='.') + t.a('www') + t.soa(owner='.')])
for name, (make, *_) in t.BAD.items():
    write(folder, name, 0, [make(QUERY)])
for name, (make, *_) in t.LATER.items():
    write(folder, 'later ' + name, 0, [t.message(QUERY, t.good()[:3]), make(QUERY)])
for name, (make, _) in t.TSIG_BAD.items():
    write(folder, 'signed ' + name, 1, make(QUERY)[:8])
