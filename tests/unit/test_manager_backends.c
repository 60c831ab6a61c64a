/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zones of a backend beside those of the store and of files: a name that the one gives up is the
 * other's. The backend is a table here, with a thread as controlplane/backends/ gives each. */
#include "changes_fixture.h"

#include "controlplane/backends/backends.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/queue.h>
#include <unistd.h>

#define ZONE "example.org."
#define OTHER "other.example."
#define SERIAL 42
#define PATIENCE_S 20

/* --- the backend --- */

static const char *const zone_of_backend[] = {ZONE, OTHER};
static atomic_uint n_lists;

static int
list(void *instance, int (*each)(void *arg, const struct backend_zone *zone), void *arg,
	char *error)
{
	uint8_t apex[ZONE_WIRE_OCTETS];

	n_lists++;
	for (unsigned i = 0; i < 2; i++) {
		struct backend_zone zone = {.apex = wire(apex, zone_of_backend[i]),
			.primaries = "",
			.account = "",
			.catalog = "",
			.options = "",
			.version = 1,
			.path = ""};
		int ret = each(arg, &zone);
		if (ret != 0)
			return ret;
	}
	return 0;
}

static int
stream(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error)
{
	static const uint8_t soa[] = {1, 'a', 0, 1, 'b', 0, 0, 0, 0, SERIAL, 0, 0, 0, 2, 0, 0, 0, 3,
		0, 0, 0, 4, 0, 0, 0, 5},
			     ns[] = {1, 'a', 0};
	struct backend_record soa_record = {soa, sizeof soa, false},
			      ns_record = {ns, sizeof ns, false};
	struct backend_rrset rrset = {apex, 6, 60, 1, 0, &soa_record, NULL};
	int ret = each(arg, &rrset);

	rrset = (struct backend_rrset){apex, 2, 60, 1, 0, &ns_record, NULL};
	return ret != 0 ? ret : each(arg, &rrset);
}

static const struct backend_api api = {.abi_version = BACKEND_ABI_VERSION,
	.name = "table",
	.capabilities = BACKEND_LIST | BACKEND_STREAM,
	.list = list,
	.stream = stream};

/* --- its thread --- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;
	STAILQ_HEAD(, backend_job) jobs;
	bool stopping;
	pthread_t thread;
} instance = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static void *
instance_main(void *arg)
{
	struct backend_job *j;

	pthread_mutex_lock(&instance.lock);
	for (;;) {
		j = STAILQ_FIRST(&instance.jobs);
		if (j == NULL && instance.stopping)
			break;
		if (j == NULL) {
			pthread_cond_wait(&instance.work, &instance.lock);
			continue;
		}
		STAILQ_REMOVE_HEAD(&instance.jobs, link);
		arg = instance.stopping ? NULL : &instance;
		pthread_mutex_unlock(&instance.lock);
		(void)j->run(j, &api, arg);
		pthread_mutex_lock(&instance.lock);
	}
	pthread_mutex_unlock(&instance.lock);
	return NULL;
}

static int
submit(void *arg, unsigned index, struct backend_job *j)
{
	int ret = 0;

	pthread_mutex_lock(&instance.lock);
	if (instance.stopping)
		ret = -ECANCELED;
	else
		STAILQ_INSERT_TAIL(&instance.jobs, j, link);
	pthread_cond_signal(&instance.work);
	pthread_mutex_unlock(&instance.lock);
	return ret;
}

static int
setup(void **state)
{
	if (changes_setup(state) != 0)
		return -1;
	STAILQ_INIT(&instance.jobs);
	instance.stopping = false;
	n_lists = 0;
	return pthread_create(&instance.thread, NULL, instance_main, NULL);
}

static int
teardown(void **state)
{
	pthread_mutex_lock(&instance.lock);
	instance.stopping = true;
	pthread_cond_signal(&instance.work);
	pthread_mutex_unlock(&instance.lock);
	pthread_join(instance.thread, NULL);
	return changes_teardown(state);
}

/* --- looking --- */

static void
look_at(void *arg, const struct zone_entry *e)
{
	*(struct zone_entry *)arg = *e;
}

/* Until it is served from there. @return false: it does not come to that */
static bool
await(struct changes_fixture *f, const char *zone, enum zone_home home, unsigned patience_s)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct zone_entry e;

	wire(apex, zone);
	for (unsigned i = 0; i < patience_s * 100; i++) {
		if (zone_manager_visit(f->zones_of, apex, look_at, &e) && e.home == home &&
			e.state == ZONE_LOADED)
			return true;
		usleep(10000);
	}
	return false;
}

/* The backend has two zones, one of which is served from elsewhere. */
static void
begin(struct changes_fixture *f, enum zone_home home)
{
	struct zone_backends b = {.name = {NULL, "table"}, .submit = submit};

	assert_true(await(f, ZONE, home, PATIENCE_S));
	zone_manager_set_backends(f->zones_of, &b);
	/* its list has been looked at when the other one is served */
	assert_true(await(f, OTHER, ZONE_HOME_BACKEND, PATIENCE_S));
	assert_true(await(f, ZONE, home, PATIENCE_S));
	assert_int_equal(served(f, ZONE), 1);
}

/* --- --- */

static void
a_zone_that_leaves_the_store_is_the_backends(void **state)
{
	struct changes_fixture *f = *state;

	create_full_zone(f, ZONE);
	begin(f, ZONE_HOME_STORE);
	assert_int_equal(delete_zone(f, ZONE), 0);
	assert_true(await(f, ZONE, ZONE_HOME_BACKEND, PATIENCE_S));
	assert_int_equal(served(f, ZONE), SERIAL);
}

static void
a_zone_whose_file_goes_is_the_backends(void **state)
{
	struct changes_fixture *f = *state;
	char path[256], **changed = calloc(1, sizeof *changed);
	FILE *out;

	snprintf(path, sizeof path, "%s/example.org.zone", f->zones);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A 192.0.2.1\n");
	assert_int_equal(fclose(out), 0);
	settle_loads(f);
	begin(f, ZONE_HOME_FILE);
	assert_int_equal(unlink(path), 0);
	changed[0] = strdup(path);
	assert_int_equal(zone_manager_files_changed(f->zones_of, changed, 1), 0);
	assert_true(await(f, ZONE, ZONE_HOME_BACKEND, PATIENCE_S));
	assert_int_equal(served(f, ZONE), SERIAL);
}

/* A list may be of a million zones: it is asked for by a deletion that uncovers one, and no other.
 */
static void
a_zone_that_hides_nothing_asks_for_no_list(void **state)
{
	struct changes_fixture *f = *state;
	unsigned before;

	create_full_zone(f, ZONE);
	create_full_zone(f, "third.example.");
	begin(f, ZONE_HOME_STORE);
	before = n_lists;
	assert_int_equal(delete_zone(f, "third.example."), 0);
	usleep(200000);
	assert_int_equal(n_lists, before);
	assert_int_equal(served(f, "third.example."), -2);
}

/* It came to the backend after its list, hidden from the first moment. */
static void
a_zone_that_came_later_is_found_as_well(void **state)
{
	struct changes_fixture *f = *state;
	uint8_t apex[ZONE_WIRE_OCTETS];

	create_full_zone(f, ZONE);
	create_full_zone(f, "later.example.");
	begin(f, ZONE_HOME_STORE);
	unsigned before = n_lists;
	zone_manager_backend_changed(f->zones_of, 1, wire(apex, "later.example."));
	assert_int_equal(delete_zone(f, "later.example."), 0);
	for (unsigned i = 0; i < PATIENCE_S * 100 && n_lists == before; i++)
		usleep(10000);
	assert_int_equal(n_lists, before + 1);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(a_zone_that_leaves_the_store_is_the_backends),
		ROW(a_zone_whose_file_goes_is_the_backends),
		ROW(a_zone_that_hides_nothing_asks_for_no_list),
		ROW(a_zone_that_came_later_is_found_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
