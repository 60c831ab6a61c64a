#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn a compiled BPF object into a C header: usage embed.py OBJECT HEADER."""
import sys

data = open(sys.argv[1], "rb").read()
with open(sys.argv[2], "w") as out:
    out.write("/* made by embed.py */\n_Alignas(8) static const unsigned char xdp_object[] = {\n")
    for at in range(0, len(data), 16):
        out.write("\t" + ", ".join(str(b) for b in data[at : at + 16]) + ",\n")
    out.write("};\n")
