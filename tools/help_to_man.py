# SPDX-License-Identifier: GPL-3.0-or-later
"""A man page from what a program says to --help: help_to_man.py SECTION VERSION TITLE PROGRAM [ARGUMENT...].
millracectl makes its own, from its tables."""
import os
import re
import subprocess
import sys


def escape(text):
    text = text.replace('\\', '\\e').replace('-', '\\-').replace("'", '\\(aq').replace('~', '\\(ti').replace('^', '\\(ha')
    text = re.sub('`([^`]*)`', r'\\fB\1\\fR', text)
    return '\\&' + text if text.startswith('.') else text


def page(name, section, version, title, text):
    usage, rest, apart, lines = [], [], False, text.rstrip().splitlines()
    while lines and (not usage or lines[0].startswith('   ')):      # "usage: ...", and its further lines
        usage.append(re.sub('^[Uu]sage: *', '', lines.pop(0)).strip())
    out = ['.\\" made from `%s --help`' % name, '.TH %s %s "" "Millrace %s" "Millrace"' % (name.upper(), section, version),
           '.SH NAME', '%s \\- %s' % (escape(name), escape(title)), '.SH SYNOPSIS', '.nf'] + [escape(u) for u in usage] + ['.fi', '.SH DESCRIPTION']
    for line in lines:
        term = re.match(r' {2,6}(\S.*?)(?: {2,}(.*))?$', line)
        if re.match('Exit status', line):
            rest += ['.SH "EXIT STATUS"', escape(line)]
        elif re.match(r'[A-Z]\w*( \w+)?:$', line):                  # "Options:"
            rest += ['.SH %s' % line[:-1].upper()]
        elif re.match(' {8,}', line):
            rest += [escape(line.strip())]
        elif term:
            rest += ['.TP', '.B "%s"' % escape(term[1]).replace('"', '\\(dq')] + ([escape(term[2])] if term[2] else [])
        elif line:
            rest += ['.PP'] * (apart and bool(rest)) + [escape(line)]
        apart = not line or line.startswith('  ')                   # the next one begins a paragraph
    return '\n'.join(out + rest + ['.SH "SEE ALSO"', 'millracectl(1); the documents in /usr/share/doc/millrace', ''])


if __name__ == '__main__':
    number, its_version, its_title, program, *more = sys.argv[1:]
    said = subprocess.run([program, *more, '--help'], stdout=subprocess.PIPE, text=True, check=True,
                          env=dict(os.environ, ASAN_OPTIONS='detect_leaks=0')).stdout
    sys.stdout.write(page(os.path.basename(program), number, its_version, its_title, said))
