# SPDX-License-Identifier: GPL-3.0-or-later
"""A primary on loopback that does what a test tells it to: messages made octet by octet, signed rightly or wrongly, or not sent at
all. One thread a connection; it ends with the test."""
import base64
import hashlib
import hmac
import socket
import struct
import threading
import time

import dns.message
import dns.name
import dns.tsigkeyring

NAME = 'evil.example.'
KEY = 'evil.key.'
SECRET = 'c2VjcmV0LW9mLXRlc3RzLXRoYXQtaXMtbG9uZy1lbm91Z2g='
SOA, NS, A, CNAME = 6, 2, 1, 5


def wire_name(text):
    return dns.name.from_text(text).to_wire()


def rr(owner, rtype, rdata, ttl=300, rclass=1):
    """One record; owner: text, or octets as they are"""
    owner = owner if isinstance(owner, bytes) else wire_name(owner)
    return owner + struct.pack('!HHIH', rtype, rclass, ttl, len(rdata)) + rdata


def soa(serial=5, owner=NAME, mname='ns.' + NAME):
    return rr(owner, SOA, wire_name(mname) + wire_name('hostmaster.' + NAME) + struct.pack('!IIIII', serial, 3600, 900, 604800, 300))


def ns():
    return rr(NAME, NS, wire_name('ns.' + NAME))


def a(label, last=1, ttl=300, **more):
    return rr(label + '.' + NAME, A, bytes((192, 0, 2, last)), ttl, **more)


def good(serial=5, last=1):
    return [soa(serial), ns(), a('ns', 53), a('www', last), soa(serial)]


def message(query, records, qid=None, question=None, flags=0x8400, counts=None):
    """query: octets; question: octets instead of the query's, b'': none"""
    end = 12
    while query[end]:
        end += query[end] + 1
    own = query[12:end + 5]
    q = own if question is None else question
    n = counts or (1 if q else 0, len(records), 0, 0)
    return (query[:2] if qid is None else struct.pack('!H', qid)) + struct.pack('!HHHHH', flags, *n) + q + b''.join(records)


def frame(m):
    return struct.pack('!H', len(m)) + m


class Signer:
    """Signs messages of an answer as RFC 8945 5.3.1 wants it, from the query on, whose signature it checks."""

    def __init__(self, query, name=KEY, secret=SECRET, algorithm='hmac-sha256', shift_s=0):
        asked = dns.message.from_wire(query, keyring=dns.tsigkeyring.from_text({KEY: ('hmac-sha256', SECRET)}))
        assert asked.had_tsig
        self.name, self.algorithm, self.secret = wire_name(name), wire_name(algorithm), base64.b64decode(secret)
        self.mac, self.first, self.held, self.shift_s = asked.mac, True, b'', shift_s

    def unsigned(self, m):
        self.held += m
        return m

    def signed(self, m, cut=None, spoil=False, error=0):
        timers = struct.pack('!HIH', 0, int(time.time()) + self.shift_s, 300)
        digest = struct.pack('!H', len(self.mac)) + self.mac + self.held + m
        if self.first:
            digest += self.name + struct.pack('!HI', 255, 0) + self.algorithm + timers + struct.pack('!HH', error, 0)
        else:
            digest += timers
        mac = hmac.new(self.secret, digest, hashlib.sha256).digest()
        self.mac, self.first, self.held = mac, False, b''
        sent = (bytes((mac[0] ^ 1,)) + mac[1:] if spoil else mac)[:cut]
        return self.put(m, self.algorithm + timers + struct.pack('!H', len(sent)) + sent + m[:2] + struct.pack('!HH', error, 0))

    def put(self, m, rdata):
        return m[:10] + struct.pack('!H', struct.unpack('!H', m[10:12])[0] + 1) + m[12:] + rr(self.name, 250, rdata, 0, 255)


class HostilePrimary:
    """behave(connection, query octets) is called for each query; what it raises for a connection that we closed is no matter."""

    def __init__(self, address='127.0.0.1'):
        self.listener = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_STREAM)
        self.listener.bind((address, 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        self.behave = None
        self.peers = []         # addresses that asked
        self.queries = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                c, peer = self.listener.accept()
            except OSError:
                return
            self.peers.append(peer)
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        try:
            with c:
                head = c.recv(2, socket.MSG_WAITALL)
                query = c.recv(struct.unpack('!H', head)[0], socket.MSG_WAITALL)
                self.queries.append(query)
                self.behave(c, query)
        except OSError:
            pass

    def sends(self, *messages):
        """A behaviour: these, made by functions of the query or octets, and then it waits for us to close."""
        def behave(c, query):
            for m in messages:
                c.sendall(frame(m(query) if callable(m) else m))
            self.hold(c)
        self.behave = behave

    def hold(self, c):
        c.settimeout(20)
        c.recv(1)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
