# SPDX-License-Identifier: GPL-3.0-or-later
"""A backend that hangs: those who ask for its zones do not take the API's connections from everybody else."""
import contextlib
import json
import pathlib
import socket
import time

from test_api_access import BASE, KEY, Server

ASK = b'GET %s/zones/test. HTTP/1.1\r\nHost: a\r\nX-API-Key: %s\r\n\r\n' % (BASE.encode(), KEY.encode())
CONNECTIONS = 24


def test_a_backend_that_hangs_stops_nobody(build, tmp_path):
    folder = pathlib.Path(build).resolve() / 'tests' / 'backend'
    assert (folder / 'backend_test.so').exists()
    (tmp_path / 'there').touch()
    backends = ['- name: slow', '  type: test', '  options:', '  - {name: path, value: %s/there}' % tmp_path, '  - {name: zone, value: test.}',
                '  - {name: stream-sleep-ms, value: "4000"}']
    with Server(build, ['key: ' + KEY, 'connections-max: %d' % CONNECTIONS], **{'backend-directory': [str(folder)], 'backends': backends}) as s:
        s.suite.forgiven.append('zonefile')
        end = time.monotonic() + 10
        while 'test.' not in [z['name'] for z in json.loads(s.ask('GET', BASE + '/zones')[2])]:
            assert time.monotonic() < end, s.suite.log_text()
            time.sleep(0.1)
        with contextlib.ExitStack() as stack:
            asking = []
            for i in range(CONNECTIONS - 2):
                if i == 1:
                    time.sleep(1.5)         # the first is in it for so long
                c = stack.enter_context(s.connect())
                c.sendall(ASK)
                asking.append(c)
            time.sleep(0.5)
            answered = 0
            for c in asking:
                c.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    assert c.recv(4096).startswith(b'HTTP/1.1 503 ')
                    answered += 1
                c.setblocking(True)
            assert answered >= CONNECTIONS - 2 - 9
            # who asks for something else gets it
            assert s.ask('GET', BASE + '/zones/one.example.')[0] == 200
            status, _, text = s.ask('PATCH', BASE + '/zones/test.', '{"rrsets": [{"name": "a.test.", "type": "A", "changetype": "DELETE"}]}')
            assert status == 503, text
            assert s.ask('GET', BASE + '/zones')[0] == 200
