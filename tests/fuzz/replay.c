/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replay: runs a fuzz target over a corpus without libFuzzer, so that each seed, and each seed cut
 * short, is an ordinary test under any compiler. Arguments: files or folders. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SEED_OCTETS_MAX (1u << 20)
#define CUTS_MAX 512u /* prefixes tried of each seed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static unsigned n_seeds;

/* Run one input from a block of exactly its size, so that a sanitizer sees a read behind it. */
static void
replay_octets(const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);

	if (exact == NULL)
		abort();
	memcpy(exact, data, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static int
replay_file(const char *path)
{
	static uint8_t data[SEED_OCTETS_MAX];
	FILE *f = fopen(path, "rb");
	size_t len, step;

	if (f == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	len = fread(data, 1, sizeof data, f);
	fclose(f);
	step = len / CUTS_MAX + 1;
	for (size_t cut = 0; cut < len; cut += step)
		replay_octets(data, cut);
	replay_octets(data, len);
	n_seeds++;
	return 0;
}

static int
replay_path(const char *path)
{
	struct stat st;
	struct dirent *e;
	char child[4096];
	int bad = 0;
	DIR *d;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return replay_file(path);
	d = opendir(path);
	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (snprintf(child, sizeof child, "%s/%s", path, e->d_name) >= (int)sizeof child ||
			replay_file(child) < 0)
			bad = -1;
	}
	closedir(d);
	return bad;
}

int
main(int argc, char **argv)
{
	int bad = 0;

	if (LLVMFuzzerInitialize != NULL && LLVMFuzzerInitialize(&argc, &argv) != 0)
		return 1;
	for (int i = 1; i < argc; i++)
		if (replay_path(argv[i]) < 0)
			bad = 1;
	printf("%u seeds\n", n_seeds);
	/* an empty corpus proves nothing: that is a mistake in the tree */
	return bad || n_seeds == 0;
}
