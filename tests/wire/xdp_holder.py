#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the AF_XDP socket of a queue, so that nobody else can: usage xdp_holder.py INTERFACE QUEUE. Says "bound", and ends with its
standard input."""
import ctypes
import mmap
import os
import socket
import struct
import sys
import time

AF_XDP, SOL_XDP = 44, 283
RX_RING, UMEM_REG, FILL_RING, COMPLETION_RING = 2, 4, 5, 6
CHUNK, N_CHUNKS = 4096, 64
PATIENCE_S = 1


def main(interface, queue):
    libc = ctypes.CDLL(None, use_errno=True)
    memory = mmap.mmap(-1, CHUNK * N_CHUNKS)
    s = socket.socket(AF_XDP, socket.SOCK_RAW)
    area = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    s.setsockopt(SOL_XDP, UMEM_REG, struct.pack('QQIIII', area, CHUNK * N_CHUNKS, CHUNK, 0, 0, 0))
    for ring in (RX_RING, FILL_RING, COMPLETION_RING):
        s.setsockopt(SOL_XDP, ring, N_CHUNKS)
    address = struct.pack('HHIII', AF_XDP, 0, socket.if_nametoindex(interface), int(queue), 0)
    end = time.monotonic() + PATIENCE_S
    while libc.bind(s.fileno(), address, len(address)) != 0:
        if time.monotonic() > end:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        time.sleep(0.01)
    print('bound', flush=True)
    sys.stdin.read()


main(*sys.argv[1:])
