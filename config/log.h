/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log: one line to stderr for each event, in the form that systemd and people read:
 * "<level> program: text". Never called on the packet path. Thread-safe. */
#pragma once
#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/** Name the program; under systemd (JOURNAL_STREAM set) lines get the "<N>" priority prefix. */
void log_open(const char *program, enum log_level threshold);
/** Another threshold from now on. Thread: any. */
void log_set_threshold(enum log_level threshold);
/** Is the threshold so that this would be seen? Thread: any. */
bool log_would_write(enum log_level level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
