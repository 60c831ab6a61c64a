/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What LMDB alone takes to write one small row, durably, in transactions of a batch: the floor
 * under bench_changes, as the store writes at least that. The rows are as long as those of an A
 * RRset, and are written in random order into a table of so many. */
#include <lmdb.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MAP_OCTETS (8ull << 30)
#define FILL 20000u /* rows of one transaction while the table is filled */
#define ROW 24u     /* octets of a row's value */

static double
clock_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
must(int rc)
{
	if (rc == 0)
		return;
	fprintf(stderr, "bare_lmdb: %s\n", mdb_strerror(rc));
	exit(EXIT_FAILURE);
}

struct table {
	MDB_env *env;
	MDB_dbi rows;
	char path[64];
};

static void
open_table(struct table *t)
{
	MDB_txn *txn;
	int fd;

	snprintf(t->path, sizeof t->path, "/tmp/millrace-lmdb-XXXXXX");
	fd = mkstemp(t->path);
	if (fd < 0) {
		perror(t->path);
		exit(EXIT_FAILURE);
	}
	close(fd);
	must(mdb_env_create(&t->env));
	must(mdb_env_set_mapsize(t->env, MAP_OCTETS));
	must(mdb_env_open(t->env, t->path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NORDAHEAD, 0600));
	must(mdb_txn_begin(t->env, NULL, 0, &txn));
	must(mdb_dbi_open(txn, NULL, 0, &t->rows));
	must(mdb_txn_commit(txn));
}

static void
put(struct table *t, MDB_txn *txn, uint32_t i, uint32_t value)
{
	char key[32], row[ROW] = {0};
	MDB_val k = {.mv_data = key}, v = {.mv_size = sizeof row, .mv_data = row};

	k.mv_size = (size_t)snprintf(key, sizeof key, "zonehost%08u", i);
	snprintf(row, sizeof row, "%u", value);
	must(mdb_put(txn, t->rows, &k, &v, 0));
}

static void
fill(struct table *t, uint32_t n)
{
	for (uint32_t i = 0; i < n;) {
		MDB_txn *txn;
		must(mdb_txn_begin(t->env, NULL, 0, &txn));
		for (uint32_t end = n - i < FILL ? n : i + FILL; i < end; i++)
			put(t, txn, i, i);
		must(mdb_txn_commit(txn));
	}
}

int
main(int argc, char **argv)
{
	uint32_t n = argc > 1 ? (uint32_t)atoi(argv[1]) : 65536;
	uint32_t n_puts = argc > 2 ? (uint32_t)atoi(argv[2]) : 100000;
	uint32_t batch = argc > 3 ? (uint32_t)atoi(argv[3]) : 600;
	uint64_t seed = 1;
	struct table t;
	double since;

	if (n == 0 || n_puts == 0 || batch == 0) {
		fprintf(stderr, "usage: bare_lmdb [ROWS [PUTS [A-COMMIT]]]\n");
		return 2;
	}
	open_table(&t);
	fill(&t, n);
	since = clock_s();
	for (uint32_t i = 0; i < n_puts;) {
		MDB_txn *txn;
		must(mdb_txn_begin(t.env, NULL, 0, &txn));
		for (uint32_t k = 0; k < batch && i < n_puts; k++, i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			put(&t, txn, (uint32_t)(seed >> 33) % n, i);
		}
		must(mdb_txn_commit(txn));
	}
	printf("%u rows, %u a commit: %.0f puts/s\n", n, batch, n_puts / (clock_s() - since));
	mdb_env_close(t.env);
	unlink(t.path);
	return 0;
}
