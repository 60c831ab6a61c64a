# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of test_answers.py: questions about tests/wire/zones, and all of the answer that a client relies on."""
import dataclasses

SOA = 'example. 60 IN SOA ns1.example. hostmaster.example. 1 7200 3600 1209600 60'   # TTL: RFC 2308 section 3
SOA_CHILD = 'child.example. 30 IN SOA ns1.child.example. hostmaster.child.example. 7 7200 3600 1209600 30'
WWW = '''www.example. 300 IN A 192.0.2.80
www.example. 300 IN A 192.0.2.81'''
MAIL_ADDRESSES = '''mail.example. 300 IN A 192.0.2.25
mail.example. 300 IN AAAA 2001:db8::25'''
CUT = '''delegated.example. 300 IN NS ns1.delegated.example.
delegated.example. 300 IN NS ns.other.'''
CUT_GLUE = '''ns1.delegated.example. 300 IN A 192.0.2.53
ns1.delegated.example. 300 IN AAAA 2001:db8::53'''
D63 = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
LONG = '.'.join([D63, D63.replace('a', 'b'), D63.replace('a', 'c'), 'dd', 'example.'])


@dataclasses.dataclass
class Case:
    claim: str
    question: str                       # NAME TYPE [CLASS]
    rcode: str = 'NOERROR'
    aa: bool = True
    answer: str = ''                    # RRs, one a line, in any order; an exact set
    authority: str = ''
    additional: object = None           # None: not looked at


CASES = [
    # plain answers
    Case('an RRset is answered whole', 'www.example. A', answer=WWW),
    Case('a name matches in any case', 'WwW.eXaMpLe. A', answer=WWW.replace('www.example.', 'WwW.eXaMpLe.')),
    Case('RDATA keeps its case', 'mixed.example. TXT', answer='mixed.example. 300 IN TXT "Case Kept"'),
    Case('SOA at the apex', 'example. SOA', answer='example. 300 IN SOA ns1.example. hostmaster.example. 1 7200 3600 1209600 60'),
    Case('NS at the apex brings addresses', 'example. NS', answer='example. 300 IN NS ns1.example.\nexample. 300 IN NS ns2.other.',
         additional='ns1.example. 300 IN A 192.0.2.1\nns1.example. 300 IN AAAA 2001:db8::1'),
    Case('MX brings addresses', 'example. MX', answer='example. 300 IN MX 10 mail.example.', additional=MAIL_ADDRESSES),
    Case('SRV brings addresses', '_sip._udp.example. SRV', answer='_sip._udp.example. 300 IN SRV 10 20 5060 mail.example.', additional=MAIL_ADDRESSES),
    Case('SVCB brings addresses (RFC 9460 4.1)', 'svc.example. SVCB', answer='svc.example. 300 IN SVCB 1 mail.example. alpn="h2"', additional=MAIL_ADDRESSES),
    Case('HTTPS whose target is its owner brings that address', 'web.example. HTTPS', answer='web.example. 300 IN HTTPS 1 . alpn="h2"',
         additional='web.example. 300 IN A 192.0.2.70'),
    Case('unknown type (RFC 3597)', 'unknown.example. TYPE65280', answer='unknown.example. 300 IN TYPE65280 \\# 3 010203'),
    # negative answers (RFC 2308)
    Case('NODATA has the SOA with the negative TTL', 'www.example. TXT', authority=SOA),
    Case('NODATA for a type nobody knows', 'www.example. TYPE65281', authority=SOA),
    Case('NXDOMAIN has the SOA with the negative TTL', 'nx.example. A', 'NXDOMAIN', authority=SOA),
    Case('NXDOMAIN far below a name that exists', 'a.b.c.www.example. A', 'NXDOMAIN', authority=SOA),
    Case('an empty non-terminal exists (RFC 8020)', 'ent.example. A', authority=SOA),
    Case('and so does one below it', 'b.ent.example. TXT', authority=SOA),
    Case('beside it nothing does', 'c.ent.example. A', 'NXDOMAIN', authority=SOA),
    # wildcards (RFC 4592)
    Case('a wildcard answers with the name asked for', 'Q.wild.example. TXT', answer='Q.wild.example. 300 IN TXT "wild"'),
    Case('at any depth', 'a.b.c.wild.example. MX', answer='a.b.c.wild.example. 300 IN MX 10 mail.example.', additional=MAIL_ADDRESSES),
    Case('wildcard NODATA', 'q.wild.example. A', authority=SOA),
    Case('not for a name that exists', 'there.wild.example. TXT', authority=SOA),
    Case('nor below one', 'x.there.wild.example. TXT', 'NXDOMAIN', authority=SOA),
    Case('an empty non-terminal hides the wildcard', 'ent.wild.example. TXT', authority=SOA),
    Case('and so it does below itself', 'x.ent.wild.example. TXT', 'NXDOMAIN', authority=SOA),
    Case('the wildcard itself can be asked for', '*.wild.example. TXT', answer='*.wild.example. 300 IN TXT "wild"'),
    Case('a wildcard CNAME is followed', 'x.wcname.example. A', answer='x.wcname.example. 300 IN CNAME www.example.\n' + WWW),
    Case('an NS of a wildcard delegates nothing but its own name', 'x.wns.example. NS', authority=SOA),
    Case('nor is what stands beside it answered', 'x.wns.example. TXT', authority=SOA),
    Case('but DS is, as by Knot and NSD', 'x.wns.example. DS',
         answer='x.wns.example. 300 IN DS 1 8 2 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'),
    Case('its own name is a zone cut', '*.wns.example. TXT', aa=False, authority='*.wns.example. 300 IN NS ns.other.'),
    # CNAME
    Case('a CNAME is followed', 'alias.example. A', answer='alias.example. 300 IN CNAME www.example.\n' + WWW),
    Case('a chain is followed', 'chain.example. AAAA',
         answer='chain.example. 300 IN CNAME alias.example.\nalias.example. 300 IN CNAME www.example.\nwww.example. 300 IN AAAA 2001:db8::80'),
    Case('asked for itself, it is not', 'chain.example. CNAME', answer='chain.example. 300 IN CNAME alias.example.'),
    Case('the last name gives the RCODE (RFC 6604)', 'dangling.example. A', 'NXDOMAIN', answer='dangling.example. 300 IN CNAME nothing.example.', authority=SOA),
    Case('NODATA at the end of a chain', 'nodatac.example. TXT', answer='nodatac.example. 300 IN CNAME mail.example.', authority=SOA),
    Case('a chain that leaves the server ends there', 'outside.example. A', answer='outside.example. 300 IN CNAME www.elsewhere.test.'),
    Case('a chain into another zone of the server goes on', 'tochild.example. A',
         answer='tochild.example. 300 IN CNAME www.child.example.\nwww.child.example. 120 IN A 192.0.2.61'),
    Case('and out of it again', 'up.child.example. A', answer='up.child.example. 120 IN CNAME www.example.\n' + WWW),
    Case('a chain into a delegation ends in a referral', 'tocut.example. A', answer='tocut.example. 300 IN CNAME host.delegated.example.', authority=CUT, additional=CUT_GLUE),
    Case('a chain into a wildcard', 'towild.example. TXT', answer='towild.example. 300 IN CNAME x.wild.example.\nx.wild.example. 300 IN TXT "wild"'),
    Case('a loop ends', 'loop1.example. A', answer='loop1.example. 300 IN CNAME loop2.example.\nloop2.example. 300 IN CNAME loop1.example.'),
    Case('a loop of one ends', 'self.example. A', answer='self.example. 300 IN CNAME self.example.'),
    # delegations
    Case('a referral has NS, glue and no AA', 'host.delegated.example. A', aa=False, authority=CUT, additional=CUT_GLUE),
    Case('the cut itself is a referral too', 'delegated.example. NS', aa=False, authority=CUT, additional=CUT_GLUE),
    Case('in any case', 'DELEGATED.example. A', aa=False, authority=CUT.replace('delegated.example. 300', 'DELEGATED.example. 300').replace('ns1.delegated', 'ns1.DELEGATED'),
         additional=CUT_GLUE.replace('delegated', 'DELEGATED')),
    Case('glue is no answer', 'ns1.delegated.example. A', aa=False, authority=CUT, additional=CUT_GLUE),
    Case('occluded data is not seen', 'hidden.delegated.example. TXT', aa=False, authority=CUT, additional=CUT_GLUE),
    Case('sibling glue comes along (RFC 9471)', 'x.sibling.example. A', aa=False, authority='sibling.example. 300 IN NS ns1.delegated.example.', additional=CUT_GLUE),
    Case('DS is answered at the parent side', 'delegated.example. DS',
         answer='delegated.example. 300 IN DS 12345 8 2 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'),
    Case('no DS is NODATA from the parent', 'insecure.example. DS', authority=SOA),
    Case('DS below the cut is a referral', 'x.delegated.example. DS', aa=False, authority=CUT, additional=CUT_GLUE),
    # zones that nest
    Case('the closest zone answers', 'www.child.example. A', answer='www.child.example. 120 IN A 192.0.2.61'),
    Case('with its own SOA', 'nx.child.example. A', 'NXDOMAIN', authority=SOA_CHILD),
    Case('its apex NS is authoritative', 'child.example. NS', answer='child.example. 120 IN NS ns1.child.example.', additional='ns1.child.example. 120 IN A 192.0.2.60'),
    Case('but its DS comes from the parent', 'child.example. DS', authority=SOA),
    # DNAME (RFC 6672)
    Case('DNAME synthesises a CNAME and is followed', 'host.old.example. A',
         answer='old.example. 300 IN DNAME new.example.\nhost.old.example. 300 IN CNAME host.new.example.\nhost.new.example. 300 IN A 192.0.2.99'),
    Case('the case of the question is kept in the CNAME', 'HoSt.OlD.example. A',
         answer='OlD.example. 300 IN DNAME new.example.\nHoSt.OlD.example. 300 IN CNAME HoSt.new.example.\nHoSt.new.example. 300 IN A 192.0.2.99'),
    Case('what the DNAME occludes is not seen', 'also.old.example. A', 'NXDOMAIN',
         answer='old.example. 300 IN DNAME new.example.\nalso.old.example. 300 IN CNAME also.new.example.', authority=SOA),
    Case('the owner of a DNAME is an ordinary name', 'old.example. TXT', answer='old.example. 300 IN TXT "data beside a DNAME"'),
    Case('and can be asked for the DNAME', 'old.example. DNAME', answer='old.example. 300 IN DNAME new.example.'),
    Case('DNAME into DNAME', 'host.dnchain.example. A',
         answer='dnchain.example. 300 IN DNAME old.example.\nhost.dnchain.example. 300 IN CNAME host.old.example.\nold.example. 300 IN DNAME new.example.\n'
                'host.old.example. 300 IN CNAME host.new.example.\nhost.new.example. 300 IN A 192.0.2.99'),
    Case('a DNAME is used again for the target of a CNAME, and put once', 'alias.old.example. A',
         answer='old.example. 300 IN DNAME new.example.\nalias.old.example. 300 IN CNAME alias.new.example.\nalias.new.example. 300 IN CNAME host.old.example.\n'
                'host.old.example. 300 IN CNAME host.new.example.\nhost.new.example. 300 IN A 192.0.2.99'),
    Case('and for a name that DNAMEs made shorter', 'host.deep.pair1.example. A',
         answer='pair1.example. 300 IN DNAME pair2.example.\nhost.deep.pair1.example. 300 IN CNAME host.deep.pair2.example.\n'
                'deep.pair2.example. 300 IN DNAME pair1.example.\nhost.deep.pair2.example. 300 IN CNAME host.pair1.example.\n'
                'host.pair1.example. 300 IN CNAME host.pair2.example.\nhost.pair2.example. 300 IN A 192.0.2.97'),
    Case('or longer', 'host.short.pair1.example. A',
         answer='pair1.example. 300 IN DNAME pair2.example.\nhost.short.pair1.example. 300 IN CNAME host.short.pair2.example.\n'
                'short.pair2.example. 300 IN DNAME rather.long.pair1.example.\nhost.short.pair2.example. 300 IN CNAME host.rather.long.pair1.example.\n'
                'host.rather.long.pair1.example. 300 IN CNAME host.rather.long.pair2.example.\nhost.rather.long.pair2.example. 300 IN A 192.0.2.96'),
    Case('or twice running', 'host.up.up.shrink.example. A',
         answer='up.shrink.example. 300 IN DNAME shrink.example.\nhost.up.up.shrink.example. 300 IN CNAME host.up.shrink.example.\n'
                'host.up.shrink.example. 300 IN CNAME host.shrink.example.\nhost.shrink.example. 300 IN A 192.0.2.95'),
    Case('names that a DNAME makes longer and longer are left to the client', 'x.dnself.example. A',
         answer='dnself.example. 300 IN DNAME x.dnself.example.\nx.dnself.example. 300 IN CNAME x.x.dnself.example.'),
    Case('YXDOMAIN when the new name is too long', 'e' * 60 + '.long.example. A', 'YXDOMAIN', answer='long.example. 300 IN DNAME ' + LONG),
    # outside
    Case('outside of all zones', 'www.elsewhere.test. A', 'REFUSED', aa=False),
    Case('the root', '. NS', 'REFUSED', aa=False),
    Case('the parent of a zone', 'test. SOA', 'REFUSED', aa=False),
    # CHAOS: not authoritative, as Knot and NSD have it
    Case('version.bind', 'version.bind. TXT CH', aa=False, answer='version.bind. 0 CH TXT "Millrace test"'),
    Case('in any case', 'VERSION.BIND. TXT CH', aa=False, answer='VERSION.BIND. 0 CH TXT "Millrace test"'),
    Case('id.server', 'id.server. TXT CH', aa=False, answer='id.server. 0 CH TXT "ns-test"'),
    Case('hostname.bind', 'hostname.bind. TXT CH', aa=False, answer='hostname.bind. 0 CH TXT "ns-test"'),
    Case('no other name', 'authors.bind. TXT CH', 'REFUSED', aa=False),
    Case('no zone of ours is in that class', 'www.example. A CH', 'REFUSED', aa=False),
]
