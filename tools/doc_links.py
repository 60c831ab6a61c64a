# SPDX-License-Identifier: GPL-3.0-or-later
"""Links of the documents that `meson install` has placed, to what lies elsewhere there than in the sources:
doc_links.py FOLDER, below the prefix."""
import os
import pathlib
import sys

ELSEWHERE = [
    ('](docs/', ']('),                                      # of README.md
    ('](config/millrace.yaml', '](millrace.yaml'),
    ('](../config/millrace.yaml', '](millrace.yaml'),
    ('](../backends/backend.h', '](../../../include/millrace/backends/backend.h'),
    ('](../tests/backend/backend_example.c', '](backend_example.c'),
    ('[CHANGELOG.md](CHANGELOG.md)', 'CHANGELOG.md'),       # a package may have it by another name
]

if __name__ == '__main__':
    folder = pathlib.Path(os.environ['MESON_INSTALL_DESTDIR_PREFIX']) / sys.argv[1]
    for page in folder.rglob('*.md'):
        text = changed = page.read_text()
        for here, there in ELSEWHERE:
            changed = changed.replace(here, there)
        if changed != text:
            page.write_text(changed)
