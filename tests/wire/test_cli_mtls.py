# SPDX-License-Identifier: GPL-3.0-or-later
"""millracectl with a client's certificate, of a CA with an intermediate one, as `openssl ca` users have it."""
import json
import subprocess

import pytest

from suite import find_program
from test_api_access import KEY, Authority, Server, make_token, openssl


class Intermediate(Authority):
    """Signed by another authority; what it signs is shown with its own certificate behind."""

    def __init__(self, root, name):
        self.folder, self.name = root.folder, name
        self.key, self.cert = root.folder / (name + '.key'), root.folder / (name + '.crt')
        csr, ext = root.folder / (name + '.csr'), root.folder / (name + '.ext')
        ext.write_text('basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n')
        openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=' + name, '-keyout', self.key, '-out', csr)
        openssl('x509', '-req', '-in', csr, '-CA', root.cert, '-CAkey', root.key, '-CAcreateserial', '-days', 2, '-extfile', ext, '-out', self.cert)

    def sign(self, name, subject=None, san='IP:127.0.0.1'):
        cert, key = super().sign(name, subject, san)
        cert.write_text(cert.read_text() + self.cert.read_text())
        return cert, key


class Remote:
    """millracectl, pointed at the server."""

    def __init__(self, server, ca):
        self.server, self.ca = server, ca

    def __call__(self, *args, cert=None, key=None, token=None, ca=None):
        command = [find_program(self.server.suite.build, 'millracectl'), '--server', 'https://127.0.0.1:%d' % self.server.port,
                   '--ca', str(ca or self.ca)]
        for name, value in (('--cert', cert), ('--key', key), ('--token-file', token)):
            command += [name, str(value)] if value else []
        return subprocess.run(command + list(args), capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


@pytest.fixture(scope='module')
def pki(tmp_path_factory):
    root = Authority(tmp_path_factory.mktemp('pki'), 'root')
    return root, Intermediate(root, 'middle'), Authority(root.folder, 'stranger')


@pytest.fixture(scope='module')
def remote(build, pki):
    root, middle, _ = pki
    cert, key = middle.sign('server')
    with Server(build, ['key: ' + KEY, 'tls-certificate: %s' % cert, 'tls-key: %s' % key, 'tls-client-ca: %s' % root.cert]) as server:
        make_token(server, 'robot', zones=['one.example.'], methods=['GET', 'PATCH'], certificate='CN=robot,OU=DNS\\, East,O=Example')
        yield Remote(server, root.cert)


def test_a_certificate_is_who_one_is(remote, pki):
    """Without a token; what is not the token's is refused; the audit log names it."""
    cert, key = pki[1].sign('robot', '/O=Example/OU=DNS, East/CN=robot')
    r = remote('zone', 'show', 'one.example', cert=cert, key=key)
    assert r.returncode == 0 and '192.0.2.1' in r.stdout, r.stderr
    r = remote('rrset', 'replace', 'one.example', 'www', 'A', '192.0.2.77', '--ttl', '60', cert=cert, key=key)
    assert r.returncode == 0, r.stderr
    rows = json.loads(remote.server.over_unix('GET', '/api/v1/servers/localhost/millrace/audit?zone=one.example.')[2])['entries']
    assert rows[0]['who'] == 'token:robot' and rows[0]['rrsets'][0]['name'] == 'www.one.example.'
    r = remote('status', cert=cert, key=key)
    assert r.returncode == 1 and "token 'robot' may not" in r.stderr


def test_certificate_and_key_may_be_one_file(remote, pki):
    cert, key = pki[1].sign('single', '/O=Example/OU=DNS, East/CN=robot')
    both = pki[0].folder / 'single.pem'
    both.write_text(cert.read_text() + key.read_text())
    r = remote('zone', 'show', 'one.example', cert=both)
    assert r.returncode == 0, r.stderr


def test_a_certificate_alone_is_no_key(remote, pki, tmp_path):
    cert, key = pki[1].sign('person', '/CN=person')
    r = remote('zone', 'list', cert=cert, key=key)
    assert r.returncode == 1 and 'Unauthorized' in r.stderr
    token = tmp_path / 'token'
    token.write_text(KEY + '\n')
    r = remote('zone', 'list', cert=cert, key=key, token=token)
    assert r.returncode == 0 and 'one.example' in r.stdout, r.stderr


def test_who_shows_no_good_certificate_gets_nowhere(remote, pki, tmp_path):
    """None, one of another CA, one that has expired, one without its key, one for servers only; the key of the API does not help."""
    root, middle, stranger = pki
    token = tmp_path / 'token'
    token.write_text(KEY + '\n')
    theirs, good, expired, server_only = stranger.sign('theirs'), middle.sign('good'), middle.sign('expired'), middle.sign('server-only')
    csr = root.folder / 'expired.csr'
    openssl('req', '-new', '-key', expired[1], '-subj', '/CN=expired', '-out', csr)
    (root.folder / 'ca').mkdir()
    for f in ('index', 'serial'):
        (root.folder / 'ca' / f).write_text('' if f == 'index' else '7000\n')
    (root.folder / 'ca.cnf').write_text('[ca]\ndefault_ca=d\n[d]\ndatabase=%(d)s/index\nserial=%(d)s/serial\nnew_certs_dir=%(d)s\ndefault_md=sha256\n'
                                        'policy=p\n[p]\ncommonName=supplied\n' % {'d': root.folder / 'ca'})
    openssl('ca', '-batch', '-config', root.folder / 'ca.cnf', '-cert', root.cert, '-keyfile', root.key, '-in', csr, '-out', expired[0],
            '-startdate', '20200101000000Z', '-enddate', '20200201000000Z', '-notext')
    ext = root.folder / 'so.ext'
    ext.write_text('extendedKeyUsage=serverAuth\n')
    openssl('req', '-new', '-key', server_only[1], '-subj', '/CN=server-only', '-out', csr)
    openssl('x509', '-req', '-in', csr, '-CA', root.cert, '-CAkey', root.key, '-CAcreateserial', '-days', 2, '-extfile', ext, '-out', server_only[0])
    for cert, key in ((None, None), theirs, expired, server_only, (good[0], theirs[1]), (good[0], None), (root.folder / 'nothing', good[1])):
        r = remote('zone', 'list', cert=cert, key=key, token=token)
        assert r.returncode == 1 and r.stderr.startswith('millracectl: ') and 'one.example' not in r.stdout, (cert, key, r)
    assert remote('zone', 'list', cert=good[0], key=good[1], token=token).returncode == 0


def test_a_server_of_another_ca_is_told_nothing(remote, pki, tmp_path):
    cert, key = pki[1].sign('careful')
    token = tmp_path / 'token'
    token.write_text(KEY + '\n')
    r = remote('zone', 'list', cert=cert, key=key, token=token, ca=pki[2].cert)
    assert r.returncode == 1 and 'certificate' in r.stderr.lower() and r.stdout == ''


def test_a_key_with_a_passphrase_waits_for_nobody_in_a_script(remote, pki):
    cert, key = pki[1].sign('locked')
    secret = pki[0].folder / 'locked.enc'
    openssl('ec', '-in', key, '-aes256', '-passout', 'pass:secret', '-out', secret)
    r = remote('zone', 'list', cert=cert, key=secret)
    assert r.returncode == 1 and str(secret) in r.stderr, r.stderr    # at a terminal it is asked for
