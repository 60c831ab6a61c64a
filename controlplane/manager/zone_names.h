/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_names: the three spellings of a zone's name: wire (folded), presentation, and the name of
 * its file in the zone directory; and PowerDNS's zone id of the HTTP API. A variant of a zone is
 * spelled example.org..internal, and its wire form is its key (shm/zone_key.h). Pure functions, any
 * thread. */
#pragma once
#include "shm/name.h"
#include "shm/zone_key.h"

#include <stddef.h>
#include <stdint.h>

#define ZONE_WIRE_OCTETS \
	(NAME_OCTETS_MAX + 1 + NAME_PAD) /* a wire name that may be folded and hashed */
#define ZONE_TEXT_OCTETS \
	1024u /* presentation format: at most four characters an octet, and a NUL */
#define ZONE_ID_OCTETS                                                            \
	3072u /* zone id: at most three characters for one of the text, and a NUL \
	       */
#define ZONE_FILE_SUFFIX ".zone"

/**
 * Presentation format to folded wire format; the final dot may be left out.
 * @param[out] wire  zeroed behind the name
 * @return octets, root label included; -EINVAL when it is no domain name
 */
int zone_wire_from_text(uint8_t wire[ZONE_WIRE_OCTETS], const char *text)
	__attribute__((warn_unused_result));

/** Wire format to presentation format, with the final dot. */
void zone_text_from_wire(char text[ZONE_TEXT_OCTETS], const uint8_t *wire);

/**
 * Zone of a file in the zone directory. NAME.zone is zone NAME in presentation format, in which '/'
 * is written \047; "root.zone" is the root zone, and a top-level zone "root" is "root..zone".
 * @param file  name without folder
 * @return octets, or -EINVAL: not a zone file (no suffix, hidden, or NAME is no domain name)
 */
int zone_wire_from_file(uint8_t wire[ZONE_WIRE_OCTETS], const char *file)
	__attribute__((warn_unused_result));

/**
 * Name of the file in the zone directory that zone_wire_from_file() turns into this zone.
 * @return 0, -ENAMETOOLONG, or -EINVAL: a variant of a zone has no file
 */
int zone_file_from_wire(char *file, size_t size, const uint8_t *wire)
	__attribute__((warn_unused_result));

/**
 * A zone's name to its key: as zone_wire_from_text(), and a name with its final dot, one more dot
 * and the name of a variant. A name of a zone that looks like the key of a variant is refused.
 * @return octets of the key; -EINVAL when it is no name of a zone
 */
int zone_key_from_text(uint8_t key[ZONE_WIRE_OCTETS], const char *text)
	__attribute__((warn_unused_result));

/**
 * The zone that a command is given by a file's name: NAME.zone, of a variant too, or just NAME.
 * @param path  with or without folders
 * @return octets of the key; -EINVAL when it is no name of a zone
 */
int zone_key_from_path(uint8_t key[ZONE_WIRE_OCTETS], const char *path)
	__attribute__((warn_unused_result));

/** A key as its zone is spelled: with the final dot, or ending in the name of a variant. */
void zone_text_from_key(char text[ZONE_TEXT_OCTETS], const uint8_t *key);

/** Zone id of PowerDNS's API, of a zone's key or of any name: '=' and two hex digits for what is
 * not [A-Za-z0-9.-_]. */
void zone_id_from_wire(char id[ZONE_ID_OCTETS], const uint8_t *wire);

/** Key of the zone with an id; a bare name, with or without the final dot, will do too. @return
 * octets or -EINVAL */
int zone_key_from_id(uint8_t key[ZONE_WIRE_OCTETS], const char *id)
	__attribute__((warn_unused_result));
