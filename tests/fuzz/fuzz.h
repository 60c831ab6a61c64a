/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz: what every fuzz target defines, and how it says that something is wrong. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* An invariant of the code under test; unlike assert() it is never compiled out. */
#define FUZZ_CHECK(condition)                                                             \
	do {                                                                              \
		if (!(condition)) {                                                       \
			fprintf(stderr, "%s:%d: invariant does not hold: %s\n", __FILE__, \
				__LINE__, #condition);                                    \
			abort();                                                          \
		}                                                                         \
	} while (0)
