/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_result: how a transfer ends. One row a result; metrics, API and log take their words
 * from here. */
#pragma once

#define TRANSFER_ERROR_OCTETS 512u

/* X(id, word of the API and of metrics' labels, help) */
#define TRANSFER_RESULTS(X)                                                               \
	X(REPLACED, "replaced", "the zone was replaced and is served")                    \
	X(UNCHANGED, "unchanged", "the primary has what is here already")                 \
	X(UNREACHABLE, "unreachable", "no connection, closed half-way, or too slow")      \
	X(REFUSED, "refused", "the primary answered with an error")                       \
	X(MALFORMED, "malformed", "what came is no transfer of this zone")                \
	X(UNAUTHENTIC, "unauthentic", "a signature (TSIG) is missing or wrong")           \
	X(TOO_LARGE, "too-large", "more octets, records, memory or time than is allowed") \
	X(INVALID, "invalid", "what came cannot be served: a record is refused")          \
	X(FAILED, "failed", "something of ours failed: settings, memory, the store")

enum transfer_result {
#define X(id, word, help) TRANSFER_##id,
	TRANSFER_RESULTS(X)
#undef X
		TRANSFER_RESULTS_N
};

extern const char *const transfer_result_word[TRANSFER_RESULTS_N];

/* Why it did not work. */
struct transfer_error {
	enum transfer_result result;
	char text[TRANSFER_ERROR_OCTETS]; /* one line, for people */
};

/** Say what is wrong. @return -EPROTO, so that it can be returned at once */
int transfer_fail(struct transfer_error *e, enum transfer_result result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
