# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that people run against PowerDNS's API, unchanged: lexicon, and lego with an ACME server that is just
enough to make it write its challenge and take it away again."""
import base64
import http.server
import json
import os
import shutil
import subprocess
import threading

import dns.message
import dns.query
import pytest

from suite import send_udp
from test_api_access import BASE, KEY, Server, make_token

METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']


@pytest.fixture(scope='module')
def server(build):
    with Server(build, ['key: ' + KEY]) as s:
        zone = {'name': 'example.org.', 'kind': 'Native', 'nameservers': ['ns1.example.org.'],
                'rrsets': [{'name': 'ns1.example.org.', 'type': 'A', 'ttl': 60, 'records': [{'content': '192.0.2.53'}]}]}
        assert s.ask('POST', BASE + '/zones', json.dumps(zone))[0] == 201
        yield s


def txt(server, name):
    r = dns.message.from_wire(send_udp(('127.0.0.1', server.suite.port), dns.message.make_query(name, 'TXT').to_wire()))
    return sorted(s.decode() for a in r.answer for rr in a for s in rr.strings)


# --- lexicon

def lexicon(server, *args, key=KEY):
    r = subprocess.run(['lexicon', 'powerdns', '--auth-token', key, '--pdns-server', 'http://127.0.0.1:%d' % server.port,
                        '--pdns-disable-notify', 'True', '--output', 'JSON', *args], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout) if r.stdout.strip() else None


@pytest.mark.skipif(shutil.which('lexicon') is None, reason='lexicon is not installed')
def test_lexicon_makes_lists_changes_and_deletes(server):
    where = ['example.org', 'TXT']
    lexicon(server, 'create', *where, '--name', 'lex', '--content', 'one', '--ttl', '120')
    lexicon(server, 'create', *where, '--name', 'lex', '--content', 'two', '--ttl', '120')
    assert txt(server, 'lex.example.org') == ['one', 'two']
    listed = lexicon(server, 'list', *where, '--name', 'lex.example.org')
    assert sorted(r['content'].strip('"') for r in listed) == ['one', 'two'] and {r['ttl'] for r in listed} == {120}
    one = next(r['id'] for r in listed if r['content'].strip('"') == 'one')
    lexicon(server, 'update', *where, '--identifier', one, '--name', 'lex', '--content', 'three')
    assert txt(server, 'lex.example.org') == ['three', 'two']
    lexicon(server, 'delete', *where, '--name', 'lex')
    assert txt(server, 'lex.example.org') == []
    lexicon(server, 'create', 'example.org', 'A', '--name', 'host', '--content', '192.0.2.9')
    assert server.suite.ask('host.example.org').answer


# --- lego

class Acme(http.server.BaseHTTPRequestHandler):
    """An account, an order, one dns-01 challenge, which it never finds right: then lego cleans up."""
    protocol_version = 'HTTP/1.1'
    nonce, seen, server_zone = 0, None, None

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        text = b'' if body is None else json.dumps(body).encode()
        Acme.nonce += 1
        self.send_response(status)
        for k, v in {'Replay-Nonce': 'n%d' % Acme.nonce, 'Content-Type': 'application/json', 'Content-Length': str(len(text)), **headers}.items():
            self.send_header(k.replace('_', '-'), v)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(text)

    def do_HEAD(self):
        self.answer(200, None)

    def do_GET(self):
        base = 'http://%s' % self.headers['Host']
        self.answer(200, {'newNonce': base + '/nonce', 'newAccount': base + '/account', 'newOrder': base + '/order',
                          'revokeCert': base + '/revoke', 'keyChange': base + '/key'})

    def do_POST(self):
        base = 'http://%s' % self.headers['Host']
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        payload = base64.urlsafe_b64decode(body['payload'] + '==') if body['payload'] else b''
        name = {'type': 'dns', 'value': 'www.example.org'}
        challenge = {'type': 'dns-01', 'url': base + '/challenge', 'token': 'token-of-the-test', 'status': 'pending'}
        if self.path == '/account':
            self.answer(201, {'status': 'valid', 'orders': base + '/orders'}, Location=base + '/account/1')
        elif self.path == '/order':
            self.answer(201, {'status': 'pending', 'identifiers': [name], 'authorizations': [base + '/authz'], 'finalize': base + '/finalize'},
                        Location=base + '/order/1')
        elif self.path == '/challenge' and payload:
            Acme.seen = self.server.look()         # what the world sees at the moment that the CA would look
            self.answer(200, dict(challenge, status='processing'), Link='<%s/authz>;rel="up"' % base)
        else:
            status = 'invalid' if Acme.seen is not None else 'pending'
            wrong = {'error': {'type': 'urn:ietf:params:acme:error:dns', 'detail': 'this server never agrees', 'status': 400}}
            self.answer(200, {'identifier': name, 'status': status, 'challenges': [dict(challenge, status=status, **(wrong if status == 'invalid' else {}))]})


@pytest.fixture
def acme(server):
    Acme.seen = None
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Acme) as s:
        s.look = lambda: txt(server, '_acme-challenge.www.example.org')
        threading.Thread(target=s.serve_forever, daemon=True).start()
        yield 'http://127.0.0.1:%d/directory' % s.server_address[1]
        s.shutdown()


def run_lego(server, acme, folder, key):
    env = dict(os.environ, PDNS_API_URL='http://127.0.0.1:%d' % server.port, PDNS_API_KEY=key, LEGO_CA_CERTIFICATES='')
    return subprocess.run(['lego', '--server', acme, '--email', 'a@example.org', '--accept-tos', '--path', str(folder), '--dns', 'pdns',
                           '--dns.disable-cp', '--dns.resolvers', '127.0.0.1:%d' % server.suite.port, '--domains', 'www.example.org', 'run'],
                          capture_output=True, text=True, timeout=90, env=env)


@pytest.mark.skipif(shutil.which('lego') is None, reason='lego is not installed')
def test_lego_writes_its_challenge_and_takes_it_away(server, acme, tmp_path):
    """With a token that may do this and nothing else, as OPERATORS.md wants it."""
    key, _ = make_token(server, 'lego', zones=['example.org.'], owners=['_acme-challenge.*'], types=['TXT'], methods=METHODS)
    r = run_lego(server, acme, tmp_path, key)
    assert 'this server never agrees' in r.stderr + r.stdout, r.stderr + r.stdout
    assert Acme.seen is not None and len(Acme.seen) == 1 and len(Acme.seen[0]) == 43, r.stderr
    assert txt(server, '_acme-challenge.www.example.org') == [], 'it was not taken away: ' + r.stderr
    assert 'error cleaning up' not in r.stderr.lower(), r.stderr
