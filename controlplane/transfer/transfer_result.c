/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_result: the words of the table. */
#include "controlplane/transfer/transfer_result.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

const char *const transfer_result_word[TRANSFER_RESULTS_N] = {
#define X(id, word, help) word,
	TRANSFER_RESULTS(X)
#undef X
};

int
transfer_fail(struct transfer_error *e, enum transfer_result result, const char *format, ...)
{
	va_list args;

	e->result = result;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	return -EPROTO;
}
