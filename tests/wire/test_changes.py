# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes through the API, whatever the zone's home, and the life of the processes after them."""
import os
import signal
import time

import pytest

from suite import alive, find_program
from test_api_zones import Api, delete, replace

FILE = '$TTL 60\n@ SOA a b %d 2 3 4 5 ; the serial is ours\n@ NS a\na A 192.0.2.1 ; the first\n'
SECONDS = 20


@pytest.fixture
def homes(make_suite, build):
    """file.example is a zone file, other.example one that a backend lists, stored.example is made through the API."""
    s = make_suite({'file.example': FILE % 1})
    s.other = s.dir / 'other.zone'
    s.other.write_text(FILE % 1)
    s.config_path.write_text(s.config_path.read_text() + '''backend-directory: %s
backends:
  - name: other
    type: zonefile
    options: [{name: zone, value: other.example %s}]
''' % (os.path.dirname(find_program(build, 'backend_zonefile.so')), s.other))
    s.start()
    s.wait_answer('other.example.')
    s.api = Api(s)
    s.api.create('stored.example.')
    return s


def restart(suite, name, how=signal.SIGKILL):
    suite.forgiven += [r'killed by signal', r'\bdied: ', 'signal 9']
    pid = suite.pid(name)
    os.kill(pid, how)
    end = time.monotonic() + SECONDS
    while alive(pid) or not suite.pid(name):
        assert time.monotonic() < end, suite.log_text()
        time.sleep(0.02)


@pytest.mark.parametrize('zone', ['file.example.', 'other.example.', 'stored.example.'])
def test_a_change_is_served_when_it_is_acknowledged_and_outlives_everybody(homes, zone):
    api = homes.api
    for i in range(10):
        api.patch(zone, replace('www.' + zone, 'A', '192.0.2.%d' % i))
        assert api.answers('www.' + zone) == ['192.0.2.%d' % i]
    restart(homes, 'controlplane')
    assert api.answers('www.' + zone) == ['192.0.2.9']
    homes.wait_answer(zone)
    api.patch(zone, replace('www.' + zone, 'A', '192.0.2.100'))
    assert api.answers('www.' + zone) == ['192.0.2.100']
    restart(homes, 'dataplane')
    homes.wait_answer(zone)
    assert api.answers('www.' + zone) == ['192.0.2.100']
    api.patch(zone, delete('www.' + zone, 'A'))
    assert homes.ask('www.' + zone).rcode() == 3


@pytest.mark.parametrize('zone', ['file.example.', 'other.example.'])
def test_changes_of_zone_files_are_written_back(homes, zone):
    path = homes.other if zone.startswith('other') else homes.zones_dir / 'file.example.zone'
    homes.api.patch(zone, replace('www.' + zone, 'A', '192.0.2.7'))
    text = path.read_text()
    assert '192.0.2.7' in text and '; the first' in text, text
    serial = homes.ask(zone, 'SOA').answer[0][0].serial
    assert serial > 2020010100 and str(serial) in text      # SOA-EDIT-API is DEFAULT
    # the same rules and words as for zones of the store, and nothing of it is done
    status, answer = homes.api.request('PATCH', '/zones/' + zone, {'rrsets': [
        replace('new.' + zone, 'A', '192.0.2.8'), replace('www.' + zone, 'CNAME', 'a.example.')]})
    assert (status, answer['error']) == (422, 'RRset www.%s IN CNAME: Conflicts with pre-existing RRset' % zone)
    assert path.read_text() == text
    assert homes.ask(zone, 'SOA').answer[0][0].serial == serial
    homes.api.patch(zone, delete('www.' + zone, 'A'))
    assert '192.0.2.7' not in path.read_text()


def test_without_a_store_zone_files_can_be_changed_and_the_rest_says_why_not(homes):
    good = homes.store_path.with_suffix('.good')
    homes.store_path.rename(good)
    homes.store_path.write_bytes(b'\0no store\n' * 10000)
    restart(homes, 'controlplane')
    end = time.monotonic() + SECONDS
    while 'zones that are published go on being served' not in homes.log_text():
        assert time.monotonic() < end, homes.log_text()
        time.sleep(0.05)
    store = homes.api.ok('GET', '/millrace/status')['store']
    assert not store['open'] and store['path'] == str(homes.store_path) and store['error'] in homes.log_text()
    homes.api.patch('file.example.', replace('www.file.example.', 'A', '192.0.2.7'))
    assert homes.api.answers('www.file.example.') == ['192.0.2.7']
    assert homes.ask('stored.example.', 'SOA').answer
    status, answer = homes.api.request('PATCH', '/zones/stored.example.', {'rrsets': [replace('www.stored.example.', 'A', '192.0.2.7')]})
    assert status == 503 and 'store' in answer['error'], answer
