/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_hub: roles between processes, who may write what, layout versions, claimed workers. */
#include "tests/unit/hub_test.h"

static void
test_a_role_is_held_by_one_process_until_it_dies(void **state)
{
	pid_t pid = child_holding(HUB_STREAM);
	char text[32];
	struct hub *h, *second;

	assert_int_equal(hub_open(&h, path, HUB_STREAM), -EBUSY);
	snprintf(text, sizeof text, "process %ld", (long)pid);
	assert_non_null(strstr(hub_error(), text));
	assert_non_null(strstr(hub_error(), "millrace-stream"));
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(hub_role_pid(h, HUB_STREAM), pid);
	assert_int_equal(hub_role_pid(h, HUB_DATAPLANE), getpid());
	assert_int_equal(hub_role_pid(h, HUB_CONTROLPLANE), 0);
	/* the same process may not have it twice, and a failed attempt does not cost it the role */
	assert_int_equal(hub_open(&second, path, HUB_DATAPLANE), -EBUSY);
	pid_t other = fork();
	if (other == 0)
		_exit(hub_open(&second, path, HUB_DATAPLANE) == -EBUSY &&
					hub_role_pid(h, HUB_DATAPLANE) == getppid()
				? 0
				: 1);
	int status;
	waitpid(other, &status, 0);
	assert_int_equal(status, 0);
	child_end(pid);
	assert_int_equal(hub_role_pid(h, HUB_STREAM), 0);
	assert_int_equal(hub_open(&second, path, HUB_STREAM), 0);
	assert_int_equal(hub_role_pid(h, HUB_STREAM), getpid());
	hub_close(second);
	assert_int_equal(hub_role_pid(h, HUB_STREAM), 0);
	assert_int_equal(hub_role_pid(h, HUB_DATAPLANE), getpid());
	hub_close(h);
}

static void
test_content_outlives_everybody_and_a_reader_makes_nothing(void **state)
{
	struct hub *h;

	assert_int_equal(hub_open(&h, path, HUB_ROLES), -ENOENT);
	assert_int_equal(access(file_path("data"), F_OK), -1);
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(hub_worker_claim(h, 0), 0);
	counter_add(&hub_own_worker(h, 0)->counters, CTR_Q_UDP4, 5);
	hub_close(h);
	assert_int_equal(hub_open(&h, path, HUB_STREAM), 0);
	stream_counter_add(&h->stream.counters, SCTR_ACCEPTED4, 7);
	hub_close(h);
	assert_int_equal(hub_open(&h, path, HUB_ROLES), 0);
	assert_int_equal(hub_workers(h), 1);
	assert_int_equal(hub_counter(h, 0, CTR_Q_UDP4), 5);
	assert_int_equal(hub_counter(h, 1, CTR_Q_UDP4), 0);
	assert_int_equal(hub_stream_counter(h, SCTR_ACCEPTED4), 7);
	assert_false(hub_has(h, HUB_CONTROLPLANE));
	assert_int_equal(h->control.epoch, 0); /* absent: zeros */
	assert_int_equal(hub_role_pid(h, HUB_DATAPLANE), 0);
	hub_close(h);
}

static uint64_t
backed_octets(const char *ending)
{
	struct stat st;

	assert_int_equal(stat(file_path(ending), &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void
test_claims_give_memory_and_nothing_else_does(void **state)
{
	uint64_t data, rings;
	struct hub *h;

	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	data = backed_octets("data");
	rings = backed_octets("rings");
	assert_in_range(data, sizeof h->instance + sizeof h->port, 256 << 10);
	assert_in_range(rings, HUB_PAGE, 64 << 10);
	assert_int_equal(hub_worker_claim(h, 1), -EINVAL);
	assert_int_equal(hub_worker_claim(h, HUB_WORKERS_MAX), -EINVAL);
	for (unsigned n = 0; n < 3; n++) {
		assert_int_equal(hub_worker_claim(h, n), 0);
		assert_int_equal(hub_worker_claim(h, 0), 0);
	}
	assert_int_equal(backed_octets("data"), data + 3 * sizeof h->worker[0][0]);
	assert_in_range(backed_octets("rings"), rings + 3 * sizeof h->rings[0],
		rings + 3 * sizeof h->rings[0] + (64 << 10));
	hub_close(h);
}

/* --- who may write what --- */

/* Does a store there kill the process? */
static bool
may_write(void *at)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile uint8_t *)at = *(volatile uint8_t *)at;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0; /* a sanitizer ends it otherwise */
}

static void
test_each_process_can_write_its_own_file_only(void **state)
{
	struct hub *data, *control, *stream, *reader;
	struct stat st;

	assert_int_equal(hub_open(&data, path, HUB_DATAPLANE), 0);
	assert_int_equal(hub_worker_claim(data, 0), 0);
	assert_int_equal(hub_open(&control, path, HUB_CONTROLPLANE), 0);
	assert_int_equal(hub_open(&stream, path, HUB_STREAM), 0);
	assert_int_equal(hub_open(&reader, path, HUB_ROLES), 0);
	assert_int_equal(hub_refresh(data), 0);
	assert_int_equal(hub_refresh(control), 0);

	assert_true(may_write(hub_own_worker(data, 0)));
	assert_true(may_write(&data->rings[0].from_worker.ring.head));
	assert_false(may_write(&data->control.epoch));
	data->stream.connections_max = 4711; /* a copy: nobody else sees it */
	assert_int_equal(stream->stream.connections_max, 0);

	assert_true(may_write(&control->control.epoch));
	assert_false(may_write(&control->worker[0][0].epoch_seen));
	assert_false(may_write(&control->rings[0].from_worker.ring.head));

	assert_true(may_write(&stream->stream.counters));
	assert_true(may_write(&stream->rings[0].to_worker.ring.head));
	assert_false(may_write(&stream->control.epoch));
	assert_false(may_write(&stream->worker[0][0].epoch_seen));
	assert_false(may_write(&stream->instance[0].n_workers));

	assert_false(may_write(&reader->control.epoch));
	assert_false(may_write(&reader->rings[0].to_worker.ring.head));

	/* and by other users of the group, as the files' modes have it */
	assert_int_equal(stat(file_path("control"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(stat(file_path("data"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(stat(file_path("stream"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(stat(file_path("rings"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	hub_close(data);
	hub_close(control);
	hub_close(stream);
	hub_close(reader);
}

/* --- versions --- */

static void
header_overwrite(const char *ending, off_t at, uint32_t value)
{
	int fd = open(file_path(ending), O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &value, sizeof value, at), sizeof value);
	close(fd);
}

static void
test_another_version_in_use_is_refused_and_says_what_to_restart(void **state)
{
	pid_t pid = child_holding(HUB_DATAPLANE);
	char text[96];
	struct hub *h;

	header_overwrite("data", offsetof(struct hub_header, major), 99);
	assert_int_equal(hub_open(&h, path, HUB_STREAM), -EPROTO);
	snprintf(text, sizeof text, "restart with the same version: millrace-dataplane (pid %ld)",
		(long)pid);
	assert_non_null(strstr(hub_error(), text));
	assert_non_null(strstr(hub_error(), "layout version 99"));
	assert_int_equal(hub_open(&h, path, HUB_ROLES), -EPROTO);
	assert_non_null(strstr(hub_error(), text));
	child_end(pid);
	/* nobody uses it any more: others go on without, and its owner makes a new one */
	assert_int_equal(hub_open(&h, path, HUB_CONTROLPLANE), 0);
	assert_false(hub_has(h, HUB_DATAPLANE));
	assert_true(grace_passed(h, grace_start(h)));
	pid = child_holding(HUB_DATAPLANE);
	assert_false(grace_passed(h, grace_start(h))); /* the new file is found */
	assert_true(hub_has(h, HUB_DATAPLANE));
	child_end(pid);
	hub_close(h);
}

/* The one file of layout version 1: its magic, and a role held in it. */
static void
test_the_first_layout_in_use_is_refused_and_else_removed(void **state)
{
	static const uint64_t magic = 0x627568454341524dull;
	struct flock role = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (1ll << 40) + 1, .l_len = 1};
	int says[2];
	struct hub *h;
	char c;

	assert_int_equal(pipe(says), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open(path, O_RDWR | O_CREAT, 0600);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(fd, &magic, sizeof magic) != sizeof magic ||
			fcntl(fd, F_SETLK, &role) != 0 || write(says[1], "y", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(says[0], &c, 1), 1);
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), -EPROTO);
	assert_non_null(strstr(hub_error(), "millrace-controlplane"));
	child_end(pid);
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(access(path, F_OK), -1);
	hub_close(h);
	close(says[0]);
	close(says[1]);
}

/* A dataplane of another release: other rows, in another order. */
static void
test_counters_are_known_by_key_not_by_number(void **state)
{
	struct hub_instance *in;
	struct hub *h, *reader;
	uint64_t *v;

	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(hub_worker_claim(h, 0), 0);
	in = &h->instance[h->seat];
	assert_int_equal(in->n_counters, CTR_N);
	in->n_counters = 3;
	in->counter_key[0] = counter_key(&counter_info[CTR_SLEEPS]);
	in->counter_key[1] = 4711; /* a row that we do not know */
	in->counter_key[2] = counter_key(&counter_info[CTR_Q_UDP6]);
	v = h->worker[h->seat][0].counters_room;
	v[0] = 10;
	v[1] = 20;
	v[2] = 30;
	assert_int_equal(hub_open(&reader, path, HUB_ROLES), 0);
	assert_int_equal(hub_counter(reader, 0, CTR_SLEEPS), 10);
	assert_int_equal(hub_counter(reader, 0, CTR_Q_UDP6), 30);
	assert_int_equal(hub_counter(reader, 0, CTR_Q_UDP4), 0);
	assert_int_equal(hub_counter(reader, 0, CTR_OP_QUERY), 0);
	hub_close(h);
	/* ours comes after it: what it knew goes on, under our numbers */
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(counter_get(&hub_own_worker(h, 0)->counters, CTR_SLEEPS), 10);
	assert_int_equal(counter_get(&hub_own_worker(h, 0)->counters, CTR_Q_UDP6), 30);
	assert_int_equal(counter_get(&hub_own_worker(h, 0)->counters, CTR_Q_UDP4), 0);
	assert_int_equal(hub_refresh(reader), 0);
	assert_int_equal(hub_counter(reader, 0, CTR_Q_UDP6), 30);
	hub_close(reader);
	hub_close(h);
}

/* A file of an older minor version, whose writer did not know the last section. */
static void
test_a_section_that_is_absent_reads_as_zeros_until_its_owner_adds_it(void **state)
{
	struct hub *h, *reader;

	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	h->port[0][0].n_queues = 7;
	assert_int_equal(hub_worker_claim(h, 0), 0);
	counter_add(&hub_own_worker(h, 0)->counters, CTR_Q_UDP4, 5);
	hub_close(h);
	header_overwrite("data", offsetof(struct hub_header, n_sections), 2);
	assert_int_equal(hub_open(&reader, path, HUB_ROLES), 0);
	assert_int_equal(reader->port[0][0].n_queues, 0);
	assert_int_equal(hub_counter(reader, 0, CTR_Q_UDP4), 5);
	/* its owner takes the file over, with what is in it, and adds what is missing */
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(counter_get(&hub_own_worker(h, 0)->counters, CTR_Q_UDP4), 5);
	assert_int_equal(h->port[0][0].n_queues, 0);
	h->port[0][0].n_queues = 9;
	assert_int_equal(reader->port[0][0].n_queues, 0);
	assert_int_equal(hub_refresh(reader), 0);
	assert_int_equal(reader->port[0][0].n_queues, 9);
	hub_close(reader);
	hub_close(h);
}

static void
test_a_file_that_somebody_else_put_there_is_refused(void **state)
{
	int fd = open(file_path("data"), O_RDWR | O_CREAT, 0666);
	struct hub *h;

	if (fchown(fd, 65534, (gid_t)-1) != 0) {
		close(fd);
		skip();
	}
	close(fd);
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), -EPERM);
	assert_non_null(strstr(hub_error(), "user 65534"));
}

static void
test_a_half_made_file_is_made_again(void **state)
{
	struct hub *h, *reader;
	int fd = open(file_path("control"), O_RDWR | O_CREAT, 0600);

	assert_int_equal(write(fd, "rubbish", 7), 7);
	close(fd);
	assert_int_equal(hub_open(&h, path, HUB_ROLES), -ENOENT);
	assert_int_equal(hub_open(&h, path, HUB_CONTROLPLANE), 0);
	assert_true(h->control.epoch != 0);
	hub_close(h);
	/* cut short: never touched through a mapping */
	assert_int_equal(truncate(file_path("control"), 4096), 0);
	assert_int_equal(hub_open(&reader, path, HUB_ROLES), -ENOENT);
	assert_int_equal(hub_open(&h, path, HUB_CONTROLPLANE), 0);
	assert_true(h->control.epoch != 0);
	hub_close(h);
}

/* The stream process is a stranger. It cuts its file short; who shows its counters must live. */
static void
test_a_stream_file_cut_short_ends_nobody(void **state)
{
	struct hub *h, *stream;

	assert_int_equal(hub_open(&stream, path, HUB_STREAM), 0);
	stream_counter_add(&stream->stream.counters, SCTR_ACCEPTED4, 7);
	assert_int_equal(hub_open(&h, path, HUB_CONTROLPLANE), 0);
	assert_int_equal(hub_stream_counter(h, SCTR_ACCEPTED4), 7);
	stream_counter_add(&stream->stream.counters, SCTR_ACCEPTED4, 1);
	assert_int_equal(hub_refresh(h), 0);
	assert_int_equal(hub_stream_counter(h, SCTR_ACCEPTED4), 8);
	hub_close(stream);
	for (off_t octets = HUB_PAGE + 64; octets >= 0; octets -= HUB_PAGE / 2) {
		assert_int_equal(truncate(file_path("stream"), octets), 0);
		(void)hub_refresh(h);
		assert_int_equal(hub_stream_counter(h, SCTR_ACCEPTED4), 8);
	}
	hub_close(h);
	/* its next start makes it whole */
	assert_int_equal(hub_open(&stream, path, HUB_STREAM), 0);
	stream_counter_add(&stream->stream.counters, SCTR_ACCEPTED4, 1);
	assert_int_equal(hub_open(&h, path, HUB_CONTROLPLANE), 0);
	assert_int_equal(hub_stream_counter(h, SCTR_ACCEPTED4), 1);
	hub_close(stream);
	hub_close(h);
}

static void
write_rings_header(const struct hub_header *header)
{
	int fd = open(file_path("rings"), O_RDWR);

	assert_int_equal(pwrite(fd, header, sizeof *header, 0), sizeof *header);
	close(fd);
}

/* What the stream process may write, it may write to keep the next dataplane from starting. */
static void
test_a_spoilt_rings_file_keeps_no_dataplane_out(void **state)
{
	struct hub_header good, bad;
	struct hub *h;
	int fd, says[2];
	pid_t pid;
	char c;

	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	hub_close(h);
	fd = open(file_path("rings"), O_RDONLY);
	assert_int_equal(read(fd, &good, sizeof good), sizeof good);
	close(fd);

	/* another layout, and a lock that says it is in use */
	bad = good;
	bad.major++;
	write_rings_header(&bad);
	assert_int_equal(pipe(says), 0);
	pid = fork();
	if (pid == 0) {
		struct flock l = {.l_type = F_WRLCK, .l_start = 1ll << 40, .l_len = HUB_SEATS};
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = open(file_path("rings"), O_RDWR);
		c = fcntl(fd, F_SETLK, &l) == 0 ? 'y' : 'n';
		if (write(says[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(says[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	close(says[0]);
	close(says[1]);
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(hub_worker_claim(h, 0), 0);
	h->rings[0].to_worker.data[0] = 1;
	hub_close(h);
	child_end(pid);

	/* no row left for the section that is not there */
	bad = good;
	bad.n_sections = HUB_SECTIONS_MAX;
	for (unsigned i = 0; i < HUB_SECTIONS_MAX; i++)
		bad.section[i] = (struct hub_section){1000 + i, 0, HUB_PAGE, 1};
	write_rings_header(&bad);
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(hub_worker_claim(h, 0), 0);
	h->rings[0].to_worker.data[0] = 1;
	/* the same while it runs, and the file cut short with it */
	bad.n_sections = 1;
	write_rings_header(&bad);
	assert_int_equal(hub_repair_rings(h), 0);
	h->rings[0].to_worker.data[0] = 1;
	fd = open(file_path("rings"), O_RDONLY);
	assert_int_equal(read(fd, &bad, sizeof bad), sizeof bad);
	close(fd);
	assert_int_equal(bad.section[0].id, HUB_SECTION_RINGS);
	hub_close(h);
}

/* Cut off where no worker looks, it is no use to a stream process that starts, which puts another
 * file there: the dataplane goes over to that one. */
static void
test_the_dataplane_follows_a_rings_file_that_was_replaced(void **state)
{
	struct hub *h, *stream;
	struct hub_header header;
	int go[2], status, fd;
	pid_t pid;
	char c = 0;

	/* before we have the file open, or it would have it as well, and not look at it */
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (pid == 0)
		_exit(read(go[0], &c, 1) != 1 || hub_open(&stream, path, HUB_STREAM) != 0);

	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(hub_worker_claim(h, 0), 0);
	assert_true(hub_rings_are_whole(h));
	assert_int_equal(truncate(file_path("rings"), HUB_PAGE + sizeof(struct hub_rings)), 0);
	assert_false(hub_rings_are_whole(h));
	/* in time: mended in place */
	assert_int_equal(hub_repair_rings(h), 0);
	assert_true(hub_rings_are_whole(h));
	assert_int_equal(truncate(file_path("rings"), HUB_PAGE + sizeof(struct hub_rings)), 0);

	/* its section is elsewhere: somebody made it anew */
	fd = open(file_path("rings"), O_RDWR);
	assert_int_equal(read(fd, &header, sizeof header), sizeof header);
	assert_int_equal(ftruncate(fd, (off_t)(lseek(fd, 0, SEEK_END) + HUB_PAGE)), 0);
	close(fd);
	header.section[0].offset += HUB_PAGE;
	write_rings_header(&header);
	assert_false(hub_rings_are_whole(h));
	assert_int_equal(hub_repair_rings(h), 0);
	assert_true(hub_rings_are_whole(h));
	assert_int_equal(truncate(file_path("rings"), HUB_PAGE + sizeof(struct hub_rings)), 0);

	/* too late */
	assert_int_equal(write(go[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(go[0]);
	close(go[1]);
	assert_false(hub_rings_are_whole(h));
	assert_int_equal(hub_repair_rings(h), 0);
	assert_true(hub_rings_are_whole(h));

	assert_int_equal(hub_open(&stream, path, HUB_STREAM), 0);
	h->rings[0].to_worker.data[0] = 7;
	assert_int_equal(stream->rings[0].to_worker.data[0], 7);
	hub_close(stream);
	hub_close(h);
}

/* Each holds its role in the file that has the name in the end: none was left with another one. */
static void
test_many_processes_that_start_at_once_share_one_hub(void **state)
{
	for (unsigned round = 0; round < 30; round++) {
		pid_t pid[HUB_ROLES];
		struct hub *h;
		for (int role = 0; role < HUB_ROLES; role++) {
			pid[role] = fork();
			if (pid[role] == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				if (hub_open(&h, path, (enum hub_role)role) < 0)
					_exit(1);
				for (;;)
					pause();
			}
		}
		while (hub_open(&h, path, HUB_ROLES) != 0)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		for (int role = 0; role < HUB_ROLES; role++) {
			for (unsigned i = 0; i < 2000 && hub_role_pid(h, (enum hub_role)role) == 0;
				i++) {
				nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
				(void)hub_refresh(h);
			}
			assert_int_equal(hub_role_pid(h, (enum hub_role)role), pid[role]);
			child_end(pid[role]);
		}
		hub_close(h);
		hub_remove_files(path);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_role_is_held_by_one_process_until_it_dies),
		T(test_content_outlives_everybody_and_a_reader_makes_nothing),
		T(test_claims_give_memory_and_nothing_else_does),
		T(test_another_version_in_use_is_refused_and_says_what_to_restart),
		T(test_each_process_can_write_its_own_file_only),
		T(test_the_first_layout_in_use_is_refused_and_else_removed),
		T(test_counters_are_known_by_key_not_by_number),
		T(test_a_section_that_is_absent_reads_as_zeros_until_its_owner_adds_it),
		T(test_a_file_that_somebody_else_put_there_is_refused),
		T(test_a_half_made_file_is_made_again),
		T(test_a_stream_file_cut_short_ends_nobody),
		T(test_a_spoilt_rings_file_keeps_no_dataplane_out),
		T(test_the_dataplane_follows_a_rings_file_that_was_replaced),
		T(test_many_processes_that_start_at_once_share_one_hub),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
