# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody can do who has taken over the stream process: everything that its user may write, written.
Usage: hostile_peer.py RUN_DIR rubbish|truncate|short|lock [SECONDS]. Ends by itself."""
import fcntl
import mmap
import os
import random
import struct
import sys
import time

RINGS_SECTION = 6


def rings(path):
    """Offset and octets of the rings in their file."""
    header = open(path, 'rb').read(64 + 24 * 64)
    n_sections = struct.unpack_from('<I', header, 20)[0]
    for i in range(n_sections):
        section, count, offset, entry = struct.unpack_from('<IIQQ', header, 64 + 24 * i)
        if section == RINGS_SECTION:
            return offset, entry, count
    raise SystemExit('no rings in ' + path)


def rubbish(path, end):
    """Random octets over the rings of the first workers, their indices above all."""
    offset, entry, _ = rings(path)
    r = random.Random(4711)
    with open(path, 'r+b') as f:
        m = mmap.mmap(f.fileno(), 0)
        while time.monotonic() < end:
            for ring in (offset, offset + entry // 2):
                for at in (0, 64, 128):     # head, tail, sleeping
                    if r.random() < 0.5:
                        m[ring + at:ring + at + 8] = r.choice((r.randbytes(8), struct.pack('<Q', r.randrange(1 << 22) * 8)))
                at = ring + r.randrange(entry // 2 - 4096)
                m[at:at + 4096] = r.randbytes(4096)
        # and leave nothing sensible behind
        for ring in (offset, offset + entry // 2):
            m[ring:ring + 192] = r.randbytes(192)


def truncate(path, end):
    while time.monotonic() < end:
        os.truncate(path, 0)
        os.truncate(path.replace('hub.rings', 'hub.stream'), 0)     # its own, which others read
        time.sleep(0.001)


def short(path, end):
    """Cut off behind the rings of the first worker: the file is no use to who opens it, and nobody faults."""
    offset, entry, _ = rings(path)
    os.truncate(path, offset + entry)


def lock(path, end):
    """The lock under which the file is made, for ever."""
    with open(path, 'r+b') as f:
        fcntl.lockf(f, fcntl.LOCK_EX, 1, (1 << 40) + 4096)
        while time.monotonic() < end:
            time.sleep(0.05)


if __name__ == '__main__':
    {'rubbish': rubbish, 'truncate': truncate, 'short': short, 'lock': lock}[sys.argv[2]](
        sys.argv[1] + '/hub.rings', time.monotonic() + float(sys.argv[3] if len(sys.argv) > 3 else 2))
