# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use the HTTP API, over TCP and TLS: keys, tokens and what they are limited to, certificates, and what slow or
many clients cannot do."""
import contextlib
import http.client
import json
import select
import socket
import ssl
import subprocess
import threading
import time

import pytest

import pdns_sources
import powerdns
from suite import Suite, find_program, free_port, release_port

BASE = '/api/v1/servers/localhost'
KEY = 'open sesame'
# as `pdnsutil hash-password` printed it for "secretkey"
HASHED = '$scrypt$ln=10,p=1,r=8$U2RONDU9gNz5DLTz1VhZRg==$1jrQhMUfJ6Bmt2LLgS+ka70gzemhGOiJZQ2xHZ3UG8g='
ZONE = '$TTL 60\n@ SOA a b 11 2 3 4 5\n@ NS a\na A 192.0.2.1\n'


class Server:
    """A suite whose API listens on TCP. yaml: lines of the section api."""

    def __init__(self, build, yaml=(), zones=None, **more):
        self.port = free_port(first=5450, last=5499)
        sections = {'api': ['listen: ["127.0.0.1:%d"]' % self.port] + list(yaml)}
        sections.update(more)
        self.suite = Suite(build, zones or {'one.example': ZONE}, yaml=sections)

    def __enter__(self):
        self.suite.start()
        self.suite.wait_answer('one.example.')
        return self

    def __exit__(self, *_):
        self.suite.remove()
        release_port(self.port)

    def connect(self, timeout=20):
        return socket.create_connection(('127.0.0.1', self.port), timeout)

    def ask(self, method, path, body=None, headers=None, key=KEY, context=None, source=None):
        """-> status, headers, text; a connection of its own"""
        headers = dict(headers or {})
        if key:
            headers['X-API-Key'] = key
        where = dict(timeout=20, source_address=source)
        if context:
            c = http.client.HTTPSConnection('127.0.0.1', self.port, context=context, **where)
        else:
            c = http.client.HTTPConnection('127.0.0.1', self.port, **where)
        with contextlib.closing(c):
            c.request(method, path, body, headers)
            r = c.getresponse()
            return r.status, dict(r.getheaders()), r.read().decode()

    def over_unix(self, method, path, body=None):
        from test_control import request
        return request(self.suite, method, path, body)

    def reconfigure(self, *lines):
        """Other lines in the section api, after `listen`."""
        self.suite.yaml['api'][1:] = list(lines)
        self.suite.write_config()
        status, _, text = self.over_unix('PUT', BASE + '/millrace/config/reload')
        return status, text


@pytest.fixture(scope='module')
def server(build):
    with Server(build, ['key: ' + KEY]) as s:
        yield s


def test_the_key_lets_in_and_nothing_else_does(server):
    status, headers, text = server.ask('GET', '/api')
    assert status == 200 and json.loads(text) == [{'url': '/api/v1', 'version': 1}]
    assert headers['X-Content-Type-Options'] == 'nosniff' and 'Access-Control-Allow-Origin' not in headers
    for key in (None, '', 'open sesame ', 'Open sesame', 'open sesam', 'x' * 600, 'mr_0123456789ab_' + 'A' * 43):
        status, headers, text = server.ask('GET', '/api', key=key, headers={'Accept': 'application/json'})
        assert (status, json.loads(text)) == (401, {'error': 'Unauthorized'}), key
        assert headers['WWW-Authenticate'].startswith('X-API-Key')
    status, headers, text = server.ask('GET', '/api', key=None)
    assert status == 401 and text == 'Unauthorized' and headers['Content-Type'].startswith('text/plain')


def test_the_key_may_come_as_a_bearer_or_in_the_query(server):
    assert server.ask('GET', '/api', key=None, headers={'Authorization': 'Bearer ' + KEY})[0] == 200
    assert server.ask('GET', '/api', key=None, headers={'Authorization': 'bearer   ' + KEY})[0] == 200
    for wrong in ('Bearer', 'Bearer ', 'Basic ' + KEY, KEY, 'Bearer x'):
        assert server.ask('GET', '/api', key=None, headers={'Authorization': wrong})[0] == 401, wrong
    assert server.ask('GET', '/api?api-key=open+sesame', key=None)[0] == 200
    # a wrong header is not made good by what else is shown
    assert server.ask('GET', '/api?api-key=open+sesame', key='wrong')[0] == 401


def test_nobody_learns_anything_without_a_key(server):
    """Not even which routes there are."""
    for method, path in (('GET', '/api'), ('GET', '/nothing'), ('POST', '/api'), ('BREW', '/api')):
        assert server.ask(method, path, key=None)[0] == 401


# --- certificates

def openssl(*args):
    subprocess.run(['openssl'] + [str(a) for a in args], check=True, capture_output=True)


class Authority:
    """A CA with what it signs, in a folder."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.cert, self.key = folder / (name + '.crt'), folder / (name + '.key')
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', 2, '-subj', '/CN=' + name,
                '-keyout', self.key, '-out', self.cert)

    def sign(self, name, subject=None, san='IP:127.0.0.1'):
        key, csr, cert = (self.folder / ('%s.%s' % (name, e)) for e in ('key', 'csr', 'crt'))
        ext = self.folder / (name + '.ext')
        ext.write_text('subjectAltName=%s\n' % san)
        openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', subject or '/CN=' + name,
                '-keyout', key, '-out', csr)
        openssl('x509', '-req', '-in', csr, '-CA', self.cert, '-CAkey', self.key, '-CAcreateserial', '-days', 2, '-extfile', ext,
                '-out', cert)
        return cert, key


@pytest.fixture(scope='module')
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp('ca'), 'ours')


@pytest.fixture(scope='module')
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp('ca'), 'theirs')


def trusting(authority, client=None):
    c = ssl.create_default_context(cafile=str(authority.cert))
    if client:
        c.load_cert_chain(*map(str, client))
    return c


def serial_seen(server, context):
    with server.connect() as s, context.wrap_socket(s, server_hostname='127.0.0.1') as t:
        return t.getpeercert()['serialNumber'], t.version()


def test_tls_and_its_certificates_read_anew(build, authority, tmp_path):
    cert, key = authority.sign('server')
    with Server(build, ['key: ' + KEY, 'tls-certificate: %s' % cert, 'tls-key: %s' % key]) as server:
        trust = trusting(authority)
        assert server.ask('GET', '/api', context=trust)[0] == 200
        assert server.ask('GET', '/api', context=trust, key='wrong')[0] == 401
        curl = ['curl', '-sS', '--cacert', str(authority.cert), '-H', 'X-API-Key: ' + KEY, '-o', '/dev/null', '-w', '%{http_code}']
        url = 'https://127.0.0.1:%d/api' % server.port
        assert subprocess.run(curl + [url], capture_output=True, text=True).stdout == '200'
        assert subprocess.run(curl + ['-X', 'PUT', '-d', '@' + __file__, 'https://127.0.0.1:%d%s/reload' % (server.port, BASE)],
                              capture_output=True, text=True).stdout == '200'
        # plain HTTP and old versions get nothing
        with server.connect() as s:
            s.sendall(b'GET /api HTTP/1.0\r\n\r\n')
            assert not answer(s).startswith(b'HTTP')
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.load_verify_locations(str(authority.cert))
        old.set_ciphers('ALL:@SECLEVEL=0')
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            serial_seen(server, old)
        # an open connection outlives the certificate that it began with
        before, version = serial_seen(server, trust)
        assert version == 'TLSv1.3'
        c = http.client.HTTPSConnection('127.0.0.1', server.port, context=trust, timeout=20)
        c.request('GET', '/api', headers={'X-API-Key': KEY})
        assert c.getresponse().read()
        authority.sign('server')
        assert server.over_unix('PUT', BASE + '/millrace/config/reload')[0] == 200
        c.request('GET', '/api', headers={'X-API-Key': KEY})
        assert c.getresponse().status == 200
        c.close()
        deadline = time.monotonic() + 5
        while serial_seen(server, trust)[0] == before:
            assert time.monotonic() < deadline, 'the certificate before is still shown'
            time.sleep(.02)
        # what cannot be used is refused, by name, and changes nothing
        other = authority.sign('other')[1]
        for lines, word in ((['tls-certificate: %s' % cert, 'tls-key: %s' % other], 'api.tls-key: %s' % other),
                            (['tls-certificate: /nothing', 'tls-key: %s' % key], 'api.tls-certificate: /nothing'),
                            (['tls-certificate: %s' % cert, 'tls-key: %s' % key, 'tls-client-ca: %s' % key], 'api.tls-client-ca: %s' % key)):
            status, text = server.reconfigure('key: ' + KEY, *lines)
            assert status == 422 and word in text, text
            assert server.ask('GET', '/api', context=trust)[0] == 200


def test_clients_must_show_a_certificate_of_our_ca(build, authority, stranger):
    cert, key = authority.sign('mutual')
    good, bad = authority.sign('operator', '/O=Example/CN=operator'), stranger.sign('operator', '/O=Example/CN=operator')
    with Server(build, ['key: ' + KEY, 'tls-certificate: %s' % cert, 'tls-key: %s' % key, 'tls-client-ca: %s' % authority.cert]) as server:
        assert server.ask('GET', '/api', context=trusting(authority, good))[0] == 200
        assert server.ask('GET', '/api', context=trusting(authority, good), key=None)[0] == 401     # a certificate alone is not enough
        for client in (None, bad):
            with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
                server.ask('GET', '/api', context=trusting(authority, client))


def test_our_tools_show_the_certificate_that_they_are_given(build, authority, tmp_path):
    powerdns.need()
    cert, key = authority.sign('mutual-tools')
    good = authority.sign('tools', '/O=Example/CN=operator')
    source, secret = tmp_path / 'pdns.sqlite3', tmp_path / 'secret'
    pdns_sources.make_sqlite(source)
    secret.write_text(KEY + '\n')
    with Server(build, ['key: ' + KEY, 'tls-certificate: %s' % cert, 'tls-key: %s' % key, 'tls-client-ca: %s' % authority.cert]) as server:
        where = ['--server', 'https://127.0.0.1:%d' % server.port, '--token-file', str(secret), '--ca', str(authority.cert)]
        for verb in (['zone', 'list'], ['import', 'powerdns', '--gsqlite3', str(source)]):
            r = subprocess.run([find_program(build, 'millracectl'), *verb, *where], capture_output=True, text=True, timeout=60)
            assert r.returncode == 1 and 'does not answer' in r.stderr
            r = subprocess.run([find_program(build, 'millracectl'), *verb, *where, '--cert', str(good[0]), '--key', str(good[1])],
                               capture_output=True, text=True, timeout=60)
            assert r.returncode in (0, 3) and 'example' in r.stdout + r.stderr and 'does not answer' not in r.stderr
        assert json.loads(server.ask('GET', BASE + '/zones/second.example.', context=trusting(authority, good))[2])['account'] == ''


# --- what clients cannot do

def answer(s, timeout=20):
    s.settimeout(timeout)
    b = b''
    with contextlib.suppress(ConnectionResetError):
        while True:
            more = s.recv(65536)
            if not more:
                break
            b += more
    return b


@pytest.fixture(scope='module')
def strict(build):
    with Server(build, ['key: ' + KEY, 'timeout: 1s', 'connections-max: 20', 'connections-per-client-max: 12', 'max-body: 64KiB',
                        'allow-from: [127.0.0.1, 127.0.0.2]']) as s:
        yield s


HEAD = b'Host: a\r\nX-API-Key: ' + KEY.encode() + b'\r\n'


def drip(s, octets, seconds):
    """Send one octet after the other for this long; -> when the other side closed, or None."""
    begin = time.monotonic()
    s.settimeout(.1)
    for i in range(int(seconds / .1)):
        try:
            s.sendall(octets[i:i + 1])
            if s.recv(1000) == b'':
                return time.monotonic() - begin
        except socket.timeout:
            pass
        except OSError:
            return time.monotonic() - begin
    return None


@pytest.mark.parametrize('octets', ids=['header', 'body'], argvalues=[b'GET /api HTTP/1.1\r\n' + HEAD * 9,
                                    b'PUT /api/v1/servers/localhost/reload HTTP/1.1\r\nContent-Length: 50000\r\n' + HEAD + b'\r\n' + b'x' * 999])
def test_slow_requests_are_ended(strict, octets):
    with strict.connect() as s:
        at = octets.find(b'\r\n\r\n')
        s.sendall(octets[:at + 4 if at > 0 else 20])
        assert drip(s, octets[at + 4 if at > 0 else 20:], 20) is not None
    with strict.connect() as s:      # says nothing at all
        begin = time.monotonic()
        assert answer(s) == b'' and time.monotonic() - begin < 15


def test_who_does_not_read_is_ended(strict):
    with strict.connect() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(1)
        poll = select.poll()
        poll.register(s, 0)
        end = time.monotonic() + 30
        while not poll.poll(50):        # answers in a pipe, more than the kernel's buffers hold, and none is read
            assert time.monotonic() < end
            with contextlib.suppress(OSError):
                s.sendall((b'GET /metrics HTTP/1.1\r\n' + HEAD + b'\r\n') * 50)
    assert strict.ask('GET', '/api')[0] == 200


def test_bodies_and_headers_are_bounded(strict):
    assert strict.ask('PUT', BASE + '/reload', b'x' * 65536)[0] == 200
    assert strict.ask('PUT', BASE + '/reload', b'x' * 65537)[0] == 413
    assert strict.ask('PUT', BASE + '/reload', b'x' * 65537, key='wrong')[0] == 401
    with strict.connect() as s:
        s.sendall(b'GET /api HTTP/1.1\r\n' + HEAD + b'X: ' + b'y' * 100000 + b'\r\n\r\n')
        b = answer(s)
        assert b == b'' or b.startswith(b'HTTP/1.1 4')


def test_clients_elsewhere_are_not_let_in(strict):
    assert strict.ask('GET', '/api', source=('127.0.0.2', 0))[0] == 200
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        strict.ask('GET', '/api', source=('127.0.0.3', 0))


def test_one_client_cannot_take_every_connection(strict):
    held = []
    try:
        for _ in range(60):
            s = socket.create_connection(('127.0.0.1', strict.port), 5)
            s.send(b'GET /api HTTP/1.1\r\nHo')
            held.append(s)
        assert strict.ask('GET', '/api', source=('127.0.0.2', 0))[0] == 200
        assert strict.over_unix('GET', '/api')[0] == 200
    finally:
        for s in held:
            s.close()
        time.sleep(.5)      # they are known to be gone then


def test_half_closed_clients_are_answered(strict):
    with strict.connect() as s:
        s.sendall(b'GET /api HTTP/1.1\r\nConnection: close\r\n' + HEAD + b'\r\n')
        s.shutdown(socket.SHUT_WR)
        assert answer(s).startswith(b'HTTP/1.1 200')


def test_many_requests_on_one_connection(strict):
    with strict.connect() as s:
        s.sendall((b'GET /api HTTP/1.1\r\n' + HEAD + b'\r\n') * 50 + b'GET /api HTTP/1.1\r\nConnection: close\r\n' + HEAD + b'\r\n')
        assert answer(s).count(b'HTTP/1.1 200') == 51


def test_guessing_is_slowed_down(build):
    with Server(build, ['key: "%s"' % HASHED, 'allow-from: [127.0.0.0/8]']) as server:
        assert server.ask('GET', '/api', key='secretkey')[0] == 200
        assert server.ask('GET', '/api', key='secretkey', source=('127.0.0.2', 0))[0] == 200
        statuses = [server.ask('GET', '/api', key='guess %d' % i)[0] for i in range(60)]
        assert set(statuses) == {401, 429} and statuses[0] == 401
        # who was right before still is; others are not concerned
        assert server.ask('GET', '/api', key='secretkey')[0] == 200
        assert server.ask('GET', '/api', key='secretkey', source=('127.0.0.2', 0))[0] == 200


def test_another_key_holds_without_a_restart(build):
    with Server(build, ['key: ' + KEY]) as server:
        c = http.client.HTTPConnection('127.0.0.1', server.port, timeout=20)
        assert server.reconfigure('key: another one', 'cors-origin: https://ui.example')[0] == 200
        deadline = time.monotonic() + 5
        while server.ask('GET', '/api', key='another one')[0] != 200:
            assert time.monotonic() < deadline
        assert server.ask('GET', '/api')[0] == 401
        status, headers, text = server.ask('OPTIONS', BASE + '/zones', key=None)
        assert status == 204 and text == '' and headers['Access-Control-Allow-Origin'] == 'https://ui.example'
        assert 'PATCH' in headers['Access-Control-Allow-Methods'] and 'X-API-Key' in headers['Access-Control-Allow-Headers']
        shown = server.over_unix('GET', BASE + '/millrace/config')[2]
        assert 'another one' not in shown and '(hidden)' in shown
        c.close()


# --- tokens

TOKENS = BASE + '/millrace/tokens'
METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']


def make_token(asked, name, **limits):
    """-> the secret, the whole answer"""
    status, headers, text = asked.over_unix('POST', TOKENS, json.dumps(dict(limits, name=name)))
    assert status == 201, text
    made = json.loads(text)
    assert headers['Location'] == TOKENS + '/' + made['id']
    return made['token'], made


@pytest.fixture(scope='module')
def tokens(build):
    with Server(build, ['key: ' + KEY, 'allow-from: [127.0.0.0/8]'], zones={'one.example': ZONE, 'two.example': ZONE}) as s:
        yield s


def test_a_token_is_made_shown_without_its_secret_and_revoked(tokens):
    secret, made = make_token(tokens, 'short-lived', zones=['one.example.'])
    assert secret.startswith('mr_' + made['id'] + '_') and len(secret) == 59
    for text in (tokens.ask('GET', TOKENS)[2], tokens.ask('GET', TOKENS + '/' + made['id'])[2]):
        assert 'short-lived' in text and secret not in text and secret[17:] not in text and 'digest' not in text
    assert secret[17:].encode() not in tokens.suite.store_path.read_bytes()
    assert tokens.ask('GET', BASE + '/zones/one.example.', key=secret)[0] == 200
    assert json.loads(tokens.ask('GET', TOKENS + '/' + made['id'])[2])['last_used'] is not None
    wrong = secret[:-1] + ('A' if secret[-1] != 'A' else 'E')
    assert tokens.ask('GET', BASE + '/zones/one.example.', key=wrong)[0] == 401
    assert tokens.ask('DELETE', TOKENS + '/' + made['id'])[0] == 204
    assert tokens.ask('GET', BASE + '/zones/one.example.', key=secret)[0] == 401
    assert tokens.ask('DELETE', TOKENS + '/' + made['id'])[0] == 404
    assert tokens.ask('GET', TOKENS + '/..')[0] == 404


def test_mistakes_in_tokens_are_told(tokens):
    make_token(tokens, 'taken', zones=['*'])
    for body, status, word in (('{', 400, 'line 1'), ('[]', 422, 'object'), ('{"name": "a"}', 422, 'may do nothing'),
                               ('{"name": "a", "zones": ["x...y"]}', 422, 'zones[0]'), ('', 400, 'no body'),
                               ('{"name": "taken", "zones": ["*"]}', 409, 'taken')):
        got, _, text = tokens.ask('POST', TOKENS, body)
        assert got == status and word in json.loads(text)['error'], text


def test_a_rotated_secret_is_good_for_its_grace(tokens):
    path = BASE + '/zones/one.example.'
    first, made = make_token(tokens, 'rotated', zones=['one.example.'])
    rotate = TOKENS + '/' + made['id'] + '/rotate'
    second = json.loads(tokens.ask('POST', rotate, '{"grace": 1}')[2])['token']
    assert second != first and tokens.ask('GET', path, key=second)[0] == 200
    assert tokens.ask('GET', path, key=first)[0] == 200
    time.sleep(1.2)
    assert tokens.ask('GET', path, key=first)[0] == 401 and tokens.ask('GET', path, key=second)[0] == 200
    third = json.loads(tokens.ask('POST', rotate, '{"grace": 0}')[2])['token']
    assert tokens.ask('GET', path, key=second)[0] == 401 and tokens.ask('GET', path, key=third)[0] == 200
    assert tokens.ask('POST', rotate, '{"grace": -1}')[0] == 422 and tokens.ask('POST', rotate, '{"grease": 1}')[0] == 422
    assert tokens.ask('POST', TOKENS + '/000000000000/rotate')[0] == 404
    # and other limits do not touch it
    assert tokens.ask('PUT', TOKENS + '/' + made['id'], '{"name": "rotated", "zones": ["two.example."]}')[0] == 200
    assert tokens.ask('GET', path, key=third)[0] == 403
    assert tokens.ask('GET', BASE + '/zones/two.example.', key=third)[0] == 200


def test_tokens_end_and_stay_where_they_belong(tokens):
    path = BASE + '/zones/one.example.'
    brief, _ = make_token(tokens, 'brief', zones=['*'], expires=int(time.time()) + 2)
    local, _ = make_token(tokens, 'local', zones=['*'], sources=['127.0.0.2/32'])
    assert tokens.ask('GET', path, key=brief)[0] == 200
    assert tokens.ask('GET', path, key=local, source=('127.0.0.2', 0))[0] == 200
    status, _, text = tokens.ask('GET', path, key=local)
    assert status == 403 and '127.0.0.1' in text
    time.sleep(2.1)
    assert tokens.ask('GET', path, key=brief)[0] == 401


def test_tokens_outlive_a_restart(build):
    with Server(build, ['key: ' + KEY]) as server:
        secret, made = make_token(server, 'lasting', zones=['one.example.'], owners=['_acme-challenge.*'], types=['TXT'])
        server.suite.stop()
        server.suite.start()
        server.suite.wait_answer('one.example.')
        assert server.ask('GET', BASE + '/zones/one.example.', key=secret)[0] == 200
        assert json.loads(server.ask('GET', TOKENS)[2])[0]['owners'] == ['_acme-challenge.*']


def test_a_full_token_is_as_good_as_the_key(tokens):
    secret, _ = make_token(tokens, 'admin', full=True)
    assert tokens.ask('GET', TOKENS, key=secret)[0] == 200
    assert tokens.ask('GET', BASE + '/config', key=secret)[0] == 200


def test_changes_at_the_same_time_do_not_bring_a_secret_back(tokens):
    """Rotations and changes of one token, from many clients: the last rotation's secret is the one that is good."""
    path = BASE + '/zones/one.example.'
    first, made = make_token(tokens, 'contended', zones=['one.example.'])
    secrets, statuses = [first], []

    def rotate():
        for _ in range(8):
            status, _, text = tokens.ask('POST', TOKENS + '/' + made['id'] + '/rotate', '{"grace": 0}')
            statuses.append(status)
            if status == 200:
                secrets.append(json.loads(text)['token'])

    def change():
        for _ in range(8):
            statuses.append(tokens.ask('PUT', TOKENS + '/' + made['id'], '{"name": "contended", "zones": ["one.example."]}')[0])
    threads = [threading.Thread(target=f) for f in (rotate, change, rotate, change)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(statuses) <= {200, 409} and statuses.count(200) > 0
    good = [s for s in secrets if tokens.ask('GET', path, key=s, source=('127.0.0.9', 0))[0] == 200]
    assert len(good) == 1


def test_a_token_of_some_records_is_shown_no_others(tokens):
    """Neither of a zone of the store, nor of one in a file; whatever it asks for."""
    made = json.dumps({'name': 'seen.example.', 'kind': 'Native', 'nameservers': ['ns1.example.net.'], 'rrsets': [
        {'name': n, 'type': t, 'ttl': 60, 'records': [{'content': c}], 'comments': [{'content': 'private', 'account': ''}]}
        for n, t, c in (('seen.example.', 'TXT', '"apex"'), ('_acme-challenge.seen.example.', 'TXT', '"mine"'),
                        ('_acme-challenge.seen.example.', 'A', '192.0.2.1'), ('www.seen.example.', 'TXT', '"theirs"'))]})
    assert tokens.ask('POST', BASE + '/zones', made)[0] == 201
    for zone in ('seen.example.', 'one.example.'):
        secret, _ = make_token(tokens, 'seen-' + zone[:-1], zones=[zone], owners=['_acme-challenge.*'], types=['TXT'], methods=METHODS)
        for query in ('', '?rrset_name=www.seen.example.', '?rrset_type=SOA', '?rrset_name=%s&rrset_type=SOA' % zone, '?include_disabled=true'):
            status, _, text = tokens.ask('GET', BASE + '/zones/' + zone + query, key=secret)
            seen = [(r['name'], r['type']) for r in json.loads(text)['rrsets']]
            mine = [('_acme-challenge.seen.example.', 'TXT')] if zone.startswith('seen') and query in ('', '?include_disabled=true') else []
            assert status == 200 and seen == mine, (zone, query)
        assert tokens.ask('GET', BASE + '/zones/' + zone + '/export', key=secret)[0] == 403
    whole, _ = make_token(tokens, 'seen-whole', zones=['seen.example.'])
    assert len(json.loads(tokens.ask('GET', BASE + '/zones/seen.example.', key=whole)[2])['rrsets']) == 6


def test_a_certificate_may_stand_for_a_token(build, authority):
    cert, key = authority.sign('bound')
    robot, person = authority.sign('robot', '/O=Example/CN=robot'), authority.sign('person', '/O=Example/CN=person')
    with Server(build, ['key: ' + KEY, 'tls-certificate: %s' % cert, 'tls-key: %s' % key, 'tls-client-ca: %s' % authority.cert]) as server:
        make_token(server, 'robot', zones=['one.example.'], certificate='CN=robot,O=Example')
        path = BASE + '/zones/one.example.'
        assert server.ask('GET', path, key=None, context=trusting(authority, robot))[0] == 200
        assert server.ask('GET', path, key=None, context=trusting(authority, person))[0] == 401
        assert server.ask('GET', path, key='wrong', context=trusting(authority, robot))[0] == 401
        assert server.ask('GET', BASE + '/statistics', key=None, context=trusting(authority, robot))[0] == 403
        assert server.ask('GET', BASE + '/statistics', context=trusting(authority, person))[0] == 200


# What each token may do, route by route: what is not here is refused.
DISCOVERY = {('GET', p) for p in ('/api', '/api/v1', '/api/docs', '/api/v1/servers', BASE)}
LISTS = {('GET', BASE + '/zones')}
ONE = BASE + '/zones/{zone_id}'
SEARCH = {('GET', BASE + '/search-data')}
ONLY_FULL = ('/tsigkeys', '/tokens', '/audit', '/capture')
LIMITED = {
    'acme': dict(zones=['one.example.'], owners=['_acme-challenge.*'], types=['TXT'], methods=METHODS),
    'reader': dict(zones=['one.example.']),
    'writer': dict(zones=['one.example.'], methods=METHODS),
    'elsewhere': dict(zones=['*.one.example.', 'two.example.'], methods=METHODS),
    'monitor': dict(server=True, methods=METHODS),
}


def may(name, method, path):
    if (method, path) in DISCOVERY:
        return True
    if any(w in path for w in ONLY_FULL) or (method == 'GET' and '/cryptokeys' in path):
        return False
    zone = '/zones/{zone_id}' in path
    if name == 'acme':
        return (method, path) in LISTS | {('GET', ONE), ('PATCH', ONE), ('PUT', ONE + '/notify')}
    if name == 'reader':
        return (method, path) in LISTS | SEARCH or (zone and method == 'GET')
    if name == 'writer':
        return (method, path) in LISTS | SEARCH | {('POST', BASE + '/zones')} or zone
    if name == 'elsewhere':
        return (method, path) in LISTS | SEARCH
    return not zone and method == 'GET' and (method, path) not in LISTS | SEARCH    # monitor


def routes_of(server):
    document, routes = json.loads(server.over_unix('GET', '/api/docs')[2]), []
    for path, operations in document['paths'].items():
        base = operations['servers'][0]['url'] if 'servers' in operations else document['servers'][0]['url']
        path = (base.rstrip('/') + path).replace('{server_id}', 'localhost')
        routes += [(method.upper(), path) for method in operations if method.upper() in METHODS]
    return sorted(routes)


def concrete(path):
    for name, value in (('{zone_id}', 'one.example.'), ('{token_id}', '000000000000')):
        path = path.replace(name, value)
    while '{' in path:
        path = path[:path.index('{')] + 'x' + path[path.index('}') + 1:]
    return path


def test_no_route_forgets_to_ask(tokens):
    """Every route that the server lists, with every kind of limited token, and with none."""
    routes = routes_of(tokens)
    assert len(routes) > 60 and ('PATCH', ONE) in routes
    wrong = []
    for name, limits in LIMITED.items():
        secret, _ = make_token(tokens, 'matrix-' + name, **limits)
        for method, path in routes:
            allowed = may(name, method, path)
            if allowed and method != 'GET':
                continue        # what it does is tested elsewhere
            body = json.dumps({'name': 'one.example.', 'kind': 'Native'}) if method in ('POST', 'PUT', 'PATCH') else None
            status = tokens.ask(method, concrete(path), body, key=secret, source=('127.0.0.5', 0))[0]
            if (status in (401, 403)) if allowed else (status != 403):
                wrong.append((name, method, path, status))
    for method, path in routes:
        status = tokens.ask(method, concrete(path), key=None)[0]
        if status != 401:
            wrong.append((None, method, path, status))
    assert not wrong, '\n'.join(map(str, wrong))


def test_lists_show_what_a_token_may_see(tokens):
    secret, _ = make_token(tokens, 'lists', zones=['two.example.'])
    assert [z['name'] for z in json.loads(tokens.ask('GET', BASE + '/zones', key=secret)[2])] == ['two.example.']
    assert json.loads(tokens.ask('GET', BASE + '/zones?zone=one.example.', key=secret)[2]) == []
