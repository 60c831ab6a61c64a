#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes tests/fuzz/corpus/fuzz_capture: rings that are whole, and rings that are damaged in one place each (shm/capture.h)."""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus', 'fuzz_capture')
RING, SKIP = 1 << 20, 0xffffffff


def record(frame, octets=None, kept=None, original=None, port=0, direction=0, fate=0, tsc=1000, reason=b''):
    kept = len(frame) if kept is None else kept
    padded = frame + b'\0' * (-len(frame) % 8)
    return struct.pack('=IIIHBBQ24s', 48 + len(padded) if octets is None else octets, kept, kept if original is None else original, port,
                       direction, fate, tsc, reason) + padded


def ring(data, head=None, tsc=0, hz=10**9):
    return struct.pack('=QQQ', len(data) if head is None else head, tsc, hz) + data


F = bytes(range(60))
SEEDS = {
    'one': ring(record(F)), 'empty': ring(b''), 'dropped': ring(record(F, fate=1, reason=b'udp-checksum') + record(F[:7], direction=1)),
    'kernel': ring(record(F, fate=2) + record(F, fate=3, direction=1) + record(F, fate=4) + record(F, port=63)),
    'unprintable': ring(record(F, fate=1, reason=b'\x1b[31m' + b'\xff' * 19)), 'names': ring(record(b'names\0more' * 30), tsc=2),
    'head-far': ring(record(F), head=RING + 8), 'head-odd': ring(record(F), head=61), 'head-huge': ring(record(F), head=2**64 - 8),
    'octets-0': ring(record(F, octets=0)), 'octets-odd': ring(record(F, octets=113)), 'octets-long': ring(record(F, octets=RING)),
    'kept-long': ring(record(F, kept=70000)), 'kept-short': ring(record(F, kept=3)), 'port': ring(record(F, port=64)),
    'direction': ring(record(F, direction=2)), 'fate': ring(record(F, fate=5)), 'skip-alone': ring(struct.pack('=II', SKIP, 0) + b'\0' * 40),
    'all-of-it': ring(record(F), head=RING), 'clock-0': ring(record(F), hz=0), 'clock-far': ring(record(F, tsc=2**63), hz=1),
    'void-only': ring(record(F, fate=4) * 20), 'original-short': ring(record(F, original=1)),
}
os.makedirs(HERE, exist_ok=True)
for name, octets in SEEDS.items():
    with open(os.path.join(HERE, name), 'wb') as out:
        out.write(octets)
