# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of PowerDNS with its own schemas, on real database servers, for the import's tests: rows chosen
to be awkward. Servers are made in a temporary folder, listen on sockets in it, and end with the test."""
import os
import pathlib
import shutil
import sqlite3
import subprocess
import time

import powerdns

SCHEMA = '/usr/share/pdns-backend-%s/schema/schema.%s.sql'
PG_BIN = pathlib.Path('/usr/lib/postgresql/15/bin')

# id, name, type, master, account, options, catalog
DOMAINS = [
    (1, 'example.org', 'NATIVE', None, 'alice', None, None),
    (2, 'empty.example', 'MASTER', None, None, None, None),
    (3, 'second.example', 'SLAVE', '192.0.2.53,2001:db8::53', None, None, None),
    (4, 'signed.example', 'MASTER', None, None, '{"coo":"x."}', None),
    (9, 'large.example', 'NATIVE', None, None, None, None),
]

# domain_id, name, type, content, ttl, prio, disabled
RECORDS = [
    (1, 'example.org', 'SOA', 'ns1.example.org hostmaster.example.org 2024010101 7200 3600 604800 300', 3600, None, 0),
    (1, 'example.org', 'NS', 'ns1.example.org', 3600, None, 0),
    (1, 'example.org', 'NS', 'ns2.example.net', 3600, None, 0),
    (1, 'example.org', 'MX', 'mail.example.org', 600, 10, 0),
    (1, 'example.org', 'MX', 'backup.example.net.', 600, 20, 0),
    (1, 'example.org', 'TXT', '"v=spf1 -all" "second \\"part\\""', 300, None, 0),
    (1, 'example.org', 'CAA', '0 issue "letsencrypt.org"', 300, None, 0),
    (1, 'ns1.example.org', 'A', '192.0.2.1', 3600, None, 0),
    (1, 'ns1.example.org', 'AAAA', '2001:db8::1', 3600, None, 0),
    (1, 'mail.example.org', 'A', '192.0.2.25', 3600, None, 0),
    (1, '_sip._tcp.example.org', 'SRV', '5 5060 sip.example.org', 300, 1, 0),
    (1, 'sip.example.org', 'A', '192.0.2.60', 300, None, 0),
    (1, 'www.example.org', 'CNAME', 'mail.example.org', 300, None, 0),
    (1, '*.wild.example.org', 'A', '192.0.2.99', 300, None, 0),
    (1, 'naptr.example.org', 'NAPTR', '100 10 "U" "E2U+sip" "!^.*$!sip:a@example.org!" .', 300, None, 0),
    (1, 'svc.example.org', 'HTTPS', '1 . alpn=h2', 300, None, 0),
    (1, 'sub.example.org', 'NS', 'ns.sub.example.org', 300, None, 0),
    (1, 'ns.sub.example.org', 'A', '192.0.2.77', 300, None, 0),
    (1, 'deep.ent.example.org', 'A', '192.0.2.78', 300, None, 0),
    (1, 'ent.example.org', None, None, None, None, 0),
    (1, 'off.example.org', 'A', '192.0.2.79', 300, None, 1),
    (1, 'type.example.org', 'TYPE65280', '\\# 3 010203', 300, None, 0),
    # what cannot be carried over
    (1, 'alias.example.org', 'ALIAS', 'example.net', 300, None, 0),
    (1, 'lua.example.org', 'LUA', 'A "ifportup(443, {\'192.0.2.1\'})"', 300, None, 0),
    (1, 'bad.example.org', 'A', '192.0.2.300', 300, None, 0),
    (1, 'elsewhere.example.net', 'A', '192.0.2.80', 300, None, 0),
    (1, 'mixed.example.org', 'A', '192.0.2.81', 300, None, 0),
    (1, 'mixed.example.org', 'A', '192.0.2.82', 60, None, 0),
    (3, 'second.example', 'SOA', 'ns1.example.org hostmaster.example.org 7 7200 3600 604800 300', 3600, None, 0),
    (3, 'second.example', 'NS', 'ns1.example.org', 3600, None, 0),
    (4, 'signed.example', 'SOA', 'ns1.example.org hostmaster.example.org 8 7200 3600 604800 300', 3600, None, 0),
    (4, 'signed.example', 'NS', 'ns1.example.org', 3600, None, 0),
    (9, 'large.example', 'SOA', 'ns1.example.org hostmaster.example.org 9 7200 3600 604800 300', 3600, None, 0),
    (9, 'large.example', 'NS', 'ns1.example.org', 3600, None, 0),
] + [(9, 'h%05d.large.example' % i, 'A', '10.0.%d.%d' % (i // 256, i % 256), 300, None, 0) for i in range(11000)]

# domain_id, name, type, modified_at, account, comment
COMMENTS = [(1, 'www.example.org', 'CNAME', 1700000000, 'bob', 'points at the mail server'),
            (1, 'gone.example.org', 'A', 1700000000, 'bob', 'of nothing'),
            (9, 'h00001.large.example', 'A', 1700000001, '', 'first of many')]

METADATA = [(1, 'ALLOW-AXFR-FROM', 'AUTO-NS'), (1, 'ALLOW-AXFR-FROM', '192.0.2.0/24'), (1, 'X-OWNER', 'Älice'),
            (1, 'SOA-EDIT-API', 'INCREASE'), (3, 'AXFR-MASTER-TSIG', 'transfer')]

KEYS = [(4, 257, 1, 'Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\n'
                    'PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\n')]

TSIG = [('transfer', 'hmac-sha256', 'kp4/24gyYsEzbuTVJRUMoqGFmN3LYgVDzJ/3oRSP7ys=')]

AUTOPRIMARIES = [('192.0.2.53', 'ns1.example.org', 'alice')]


# owners of records that PowerDNS itself cannot serve, or refuses to tell a zone with
BROKEN = {'bad.example.org', 'elsewhere.example.net'}


def insert_all(execute, mark, boolean, broken=True):
    """Fill the seven tables. `mark` is the driver's placeholder; boolean makes a value of a boolean column."""
    def many(table, columns, rows):
        text = 'INSERT INTO %s (%s) VALUES (%s)' % (table, ', '.join(columns), ', '.join([mark] * len(columns)))
        execute(text, rows)
    many('domains', ['id', 'name', 'type', 'master', 'account', 'options', 'catalog'], DOMAINS)
    many('records', ['domain_id', 'name', 'type', 'content', 'ttl', 'prio', 'disabled'],
         [r[:6] + (boolean(r[6]),) for r in RECORDS if broken or r[1] not in BROKEN])
    many('comments', ['domain_id', 'name', 'type', 'modified_at', 'account', 'comment'], COMMENTS)
    many('domainmetadata', ['domain_id', 'kind', 'content'], METADATA)
    many('cryptokeys', ['domain_id', 'flags', 'active', 'content'], [(k[0], k[1], boolean(k[2]), k[3]) for k in KEYS])
    many('tsigkeys', ['name', 'algorithm', 'secret'], TSIG)
    many('supermasters', ['ip', 'nameserver', 'account'], AUTOPRIMARIES)


def make_sqlite(path, broken=True):
    db = sqlite3.connect(str(path))
    db.executescript(powerdns.sqlite_schema())
    insert_all(db.executemany, '?', lambda b: b, broken)
    db.commit()
    db.close()
    return str(path)


def literal(value):
    if value is None:
        return 'NULL'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def as_script(escape, boolean):
    """The same as SQL text, for servers that are filled through their own clients."""
    out = []

    def execute(text, rows):
        head = text[:text.index(' VALUES')]
        for at in range(0, len(rows), 1000):
            out.append(head + ' VALUES ' + ',\n'.join(
                '(' + ', '.join(escape(literal(v)) for v in r) + ')' for r in rows[at:at + 1000]) + ';\n')
    insert_all(execute, '?', boolean)
    return ''.join(out)


class Postgres:
    """A cluster of its own in a folder, run by the user postgres when we are root."""

    def __init__(self, folder):
        self.data = folder / 'pg'
        self.user = 'postgres' if os.geteuid() == 0 else None
        folder.chmod(0o711)
        self.data.mkdir()
        if self.user:
            shutil.chown(self.data, self.user)
        self.run([PG_BIN / 'initdb', '-D', self.data, '-U', 'pdns', '--auth=trust', '-E', 'UTF8', '--no-sync'])
        self.process = subprocess.Popen(
            [str(PG_BIN / 'postgres'), '-D', str(self.data), '-k', str(self.data), '-c', 'listen_addresses=', '-c', 'fsync=off'],
            user=self.user, cwd='/', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.where = 'host=%s user=pdns dbname=postgres' % self.data

    def run(self, args, text=None):
        subprocess.run([str(a) for a in args], input=text, text=True, check=True, user=self.user, cwd='/',
                       stdout=subprocess.DEVNULL, timeout=120)

    def fill(self):
        wait(lambda: subprocess.run(['psql', '-q', self.where, '-c', 'select 1'], capture_output=True).returncode == 0)
        schema = pathlib.Path(SCHEMA % ('pgsql', 'pgsql')).read_text()
        # standard_conforming_strings: a backslash is one
        self.run(['psql', '-q', '-v', 'ON_ERROR_STOP=1', self.where], schema + as_script(lambda t: t, bool))
        return self.where

    def end(self):
        end(self.process)


class MariaDB:
    def __init__(self, folder):
        self.data = folder / 'my'
        folder.chmod(0o711)
        self.user = 'mysql' if os.geteuid() == 0 else None
        self.data.mkdir()
        if self.user:
            shutil.chown(self.data, self.user)
        subprocess.run(['mariadb-install-db', '--no-defaults', '--datadir=%s' % self.data, '--auth-root-authentication-method=normal',
                        '--skip-test-db', *(['--user=mysql'] if self.user else [])],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
        self.socket = self.data / 's'
        self.process = subprocess.Popen(
            ['mariadbd', '--no-defaults', '--datadir=%s' % self.data, '--socket=%s' % self.socket, '--skip-networking',
             '--innodb-flush-log-at-trx-commit=0'], user=self.user, cwd='/', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.where = 'socket=%s user=root dbname=powerdns' % self.socket

    def client(self, text, database=None):
        return subprocess.run(['mariadb', '--no-defaults', '-uroot', '--socket=%s' % self.socket, '--default-character-set=utf8mb4',
                               *([database] if database else [])], input=text, text=True, capture_output=True, timeout=120)

    def fill(self):
        wait(lambda: self.client('select 1').returncode == 0)
        assert self.client('CREATE DATABASE powerdns').returncode == 0
        schema = pathlib.Path(SCHEMA % ('mysql', 'mysql')).read_text()
        r = self.client(schema + as_script(lambda t: t.replace('\\', '\\\\'), int), 'powerdns')
        assert r.returncode == 0, r.stderr
        return self.where

    def end(self):
        end(self.process)


def end(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait(good, seconds=60):
    until = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < until, 'the database does not come up'
        time.sleep(0.1)
