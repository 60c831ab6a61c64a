# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads pcapng files, and is strict about them: every block whole, both its lengths the same, every packet of an interface
that was told before (draft-ietf-opsawg-pcapng)."""
import collections
import struct

Packet = collections.namedtuple('Packet', 'interface ns frame original direction comment')
Interface = collections.namedtuple('Interface', 'name snaplen filter')


class File:
    def __init__(self, octets):
        self.interfaces, self.packets, self.statistics = [], [], {}
        self.application = None
        at = 0
        while at < len(octets):
            kind, length = struct.unpack('=II', octets[at:at + 8])
            assert length >= 12 and length % 4 == 0 and at + length <= len(octets), 'block %#x of %d octets at %d' % (kind, length, at)
            assert struct.unpack('=I', octets[at + length - 4:at + length])[0] == length
            assert (kind == 0x0a0d0d0a) == (at == 0), 'a section begins the file, and there is one'
            self.block(kind, octets[at + 8:at + length - 4])
            at += length

    @staticmethod
    def options(body):
        out, at = {}, 0
        while at < len(body):
            code, length = struct.unpack('=HH', body[at:at + 4])
            assert at + 4 + length <= len(body)
            if code == 0:
                assert length == 0 and at + 4 == len(body), 'nothing behind the last option'
                return out
            out[code] = body[at + 4:at + 4 + length]
            at += 4 + (length + 3) // 4 * 4
        assert not body, 'options end with an end'
        return out

    def block(self, kind, body):
        if kind == 0x0a0d0d0a:
            magic, major, minor, _ = struct.unpack('=IHHq', body[:16])
            assert (magic, major, minor) == (0x1a2b3c4d, 1, 0)
            self.application = self.options(body[16:])[4].decode()
        elif kind == 1:
            link, _, snaplen = struct.unpack('=HHI', body[:8])
            options = self.options(body[8:])
            assert link == 1 and options[9] == b'\x09'      # Ethernet, nanoseconds
            assert 11 not in options or options[11][:1] == b'\0'
            self.interfaces.append(Interface(options[2].decode(), snaplen, options.get(11, b'\0')[1:].decode()))
        elif kind == 6:
            interface, high, low, kept, original = struct.unpack('=IIIII', body[:20])
            assert interface < len(self.interfaces) and kept <= original
            options = self.options(body[20 + (kept + 3) // 4 * 4:])
            flags = struct.unpack('=I', options[2])[0]
            self.packets.append(Packet(self.interfaces[interface], high << 32 | low, body[20:20 + kept], original,
                                       {1: 'in', 2: 'out'}[flags & 3], options.get(1, b'').decode()))
        else:
            assert kind == 5, 'block %#x' % kind
            interface = struct.unpack('=I', body[:4])[0]
            options = self.options(body[12:])
            self.statistics[interface] = (struct.unpack('=Q', options[8])[0], struct.unpack('=Q', options[5])[0])

    @property
    def complete(self):
        """It was ended in order: there are statistics of each interface, and they are right."""
        delivered = collections.Counter(p.interface for p in self.packets)
        return len(self.statistics) == len(self.interfaces) > 0 and all(
            self.statistics[i][0] == delivered[f] for i, f in enumerate(self.interfaces))
