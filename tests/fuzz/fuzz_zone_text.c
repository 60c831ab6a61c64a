/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zone text to zone_model to image: whatever the octets, there is either an error that says why, or
 * a model that keeps what zone_model.h promises to the compiler, and of that an image that
 * verifies. */
#include "fuzz.h"

#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"
#include "controlplane/zones/zone_rdata.h"

#include "shm/image.h"

#include <string.h>
#include <unistd.h>

static struct arena arena;

static void
check_records(const struct zone_model *z, const struct zone_name *n)
{
	for (uint32_t k = n->first; k < n->first + n->n; k++) {
		const struct zone_record *r = &z->record[k];
		uint16_t len, before_len;
		const uint8_t *rdata = zone_rdata(z, r, &len);

		FUZZ_CHECK((size_t)r->rdata * 4 + 2 + len <= z->heap_len);
		FUZZ_CHECK(r->ttl <= 0x7fffffff);
		FUZZ_CHECK(r->file < z->n_files);
		FUZZ_CHECK(zone_type_is_data(r->type));
		FUZZ_CHECK(zone_rdata_valid(r->type, rdata, len));
		if (k == n->first)
			continue;
		const uint8_t *before = zone_rdata(z, r - 1, &before_len);
		FUZZ_CHECK(r[-1].type < r->type ||
			   (r[-1].type == r->type && zone_rdata_compare(r->type, before, before_len,
							     rdata, len) < 0));
	}
}

static void
check_model(const struct zone_model *z)
{
	uint64_t n_records = 0;

	for (uint32_t i = 0; i < z->n_names; i++) {
		const struct zone_name *n = &z->name[i];
		const uint8_t *owner = zone_owner(z, n);

		FUZZ_CHECK((size_t)n->name * 4 + n->len + NAME_PAD <= z->heap_room);
		FUZZ_CHECK(name_octets(owner) == n->len);
		FUZZ_CHECK(n->hash == name_hash(z->seed, owner));
		FUZZ_CHECK(zone_model_find(z, n->hash, owner, n->len) == n);
		FUZZ_CHECK((n->n == 0) == ((n->flags & ZONE_NAME_ENT) != 0));
		check_records(z, n);
		n_records += n->n;
		if (n->flags & (ZONE_NAME_APEX | ZONE_NAME_OCCLUDED))
			continue;
		owner += owner[0] + 1;
		FUZZ_CHECK(zone_model_find(z, name_hash(z->seed, owner), owner,
				   name_octets(owner)) != NULL);
	}
	FUZZ_CHECK(n_records == z->n_records);
}

static void
check_image(const struct zone_model *z)
{
	struct arena_usage before, after;
	const char *why = "";
	uint64_t off;

	arena_usage(&arena, &before);
	int rc = zone_compile(&arena, z, &off);
	FUZZ_CHECK(rc == 0);
	rc = image_verify(&arena, off, &why);
	if (rc != 0)
		fprintf(stderr, "%s\n", why);
	FUZZ_CHECK(rc == 0);
	FUZZ_CHECK(image_at(&arena, off)->n_records == z->n_records);
	zone_image_free(&arena, off);
	arena_usage(&arena, &after);
	FUZZ_CHECK(before.live_octets == after.live_octets);
}

/* An arena of one's own, of a name that nobody sees, with the seed that the models are made with.
 */
static void
open_arena(void)
{
	char path[] = "/dev/shm/millrace-fuzz.XXXXXX";
	bool fresh;
	int fd = mkstemp(path);

	FUZZ_CHECK(fd >= 0 && arena_open_writer(&arena, path, 256 << 20, &fresh) == 0);
	close(fd);
	unlink(path);
	((struct arena_header *)arena_writable(&arena, 0))->seed = 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t apex[] = "\7example";
	const struct zone_load_options options = {
		.seed = 1,
		.default_ttl = 3600,
		.generate_max = 100,
		.octets_max = 16 << 20,
	};
	struct zone_model z = {0};
	struct zone_report report = {0};

	if (arena.base == NULL)
		open_arena();

	int rc = zone_load_text(&z, (const char *)data, len, "fuzz", apex, &options, &report);
	FUZZ_CHECK((rc == 0) == (report.n_errors == 0));
	FUZZ_CHECK(rc == 0 || z.record == NULL);
	if (rc == 0)
		check_model(&z);
	if (rc == 0)
		check_image(&z);
	zone_model_destroy(&z);
	zone_report_destroy(&report);
	return 0;
}
