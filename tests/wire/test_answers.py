# SPDX-License-Identifier: GPL-3.0-or-later
"""What is answered (RFC 1034 4.3.2 and what clarified it): each row of cases.py over each transport."""
import random

import dns.flags
import dns.message
import dns.rcode
import pytest

from cases import CASES

TRANSPORTS = ['udp4', 'udp6', 'tcp4', 'tcp6']


def lines(section):
    return sorted(rr for rrset in section for rr in rrset.to_text().splitlines())


def want(text):
    return sorted(x.strip() for x in text.splitlines() if x.strip())


def exchange(suite, transport, wire):
    address = '::1' if transport.endswith('6') else '127.0.0.1'
    if address not in suite.addresses:
        pytest.skip('this machine has no IPv6 loopback')
    return suite.udp(wire, address) if transport.startswith('udp') else suite.tcp(wire, address)


@pytest.mark.parametrize('transport', TRANSPORTS)
@pytest.mark.parametrize('case', CASES, ids=lambda c: c.claim)
def test_answer(suite, case, transport):
    query = dns.message.make_query(*case.question.split(), use_edns=0, payload=1232)
    wire = query.to_wire()
    octets = exchange(suite, transport, wire)
    assert octets is not None, suite.log_text()
    question_end = len(wire) - 11           # its OPT has 11 octets
    assert octets[12:question_end] == wire[12:question_end], 'the question is echoed byte for byte'
    response = dns.message.from_wire(octets)
    assert dns.rcode.to_text(response.rcode()) == case.rcode
    assert response.flags & (dns.flags.QR | dns.flags.RD | dns.flags.RA | dns.flags.TC) == dns.flags.QR | dns.flags.RD
    assert bool(response.flags & dns.flags.AA) == case.aa
    assert lines(response.answer) == want(case.answer)
    assert lines(response.authority) == want(case.authority)
    if case.additional is not None:
        assert lines(response.additional) == want(case.additional)


def test_the_order_of_an_alias_chain_is_that_of_its_links(suite):
    response = suite.ask('chain.example', 'A')
    assert [r.name.to_text() for r in response.answer] == ['chain.example.', 'alias.example.', 'www.example.']


def test_dnames_that_make_names_grow_end(suite):
    response = suite.ask('h.grow1.example', 'A', tcp=True)
    owners = [r.name.to_text() for r in response.answer if r.rdtype == 5]
    assert len(owners) == len(set(owners)) == 32, 'CNAMEs'
    assert sum(r.rdtype == 39 for r in response.answer) == 2, 'each DNAME once'


def test_any_case_of_a_question_comes_back_as_it_was_sent(suite):
    dice = random.Random(20)
    for name in ('www.example', 'nx.example', 'x.wild.example', 'host.delegated.example', 'host.old.example', 'outside.test') * 8:
        mixed = ''.join(dice.choice((c.lower(), c.upper())) for c in name)
        wire = dns.message.make_query(mixed, 'A').to_wire()
        octets = suite.udp(wire)
        assert octets[12:len(wire)] == wire[12:]


def test_any_is_one_rrset(suite):
    """RFC 8482 4.1."""
    response = suite.ask('four.example', 'ANY')
    assert len(response.answer) == 1 and response.answer[0].name.to_text() == 'four.example.'
    assert response.flags & dns.flags.AA


def test_any_of_a_name_that_is_not_there(suite):
    assert suite.ask('nx.example', 'ANY').rcode() == dns.rcode.NXDOMAIN


def test_transfers_are_refused_until_they_are_served(suite):
    for tcp in (False, True):
        response = suite.ask('example', 'AXFR', tcp=tcp)
        assert response.rcode() in (dns.rcode.REFUSED, dns.rcode.NOTIMP) and not response.answer
