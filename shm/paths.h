/* SPDX-License-Identifier: GPL-3.0-or-later */
/* paths: names of the files in the suite's run directory. One suite, one run directory. */
#pragma once

#define RUN_ARENA "arena" /* unless the configuration puts it on hugetlbfs */
#define RUN_HUB "hub"
#define RUN_BELL_STREAM "bell.stream"
#define RUN_BELL_WORKER "bell.worker.%u"
#define RUN_TAKEOVER "dataplane.sock"         /* where a new dataplane asks the old one to leave */
#define RUN_CAPTURE_CONTROL "capture.control" /* shm/capture.h */
#define RUN_CAPTURE_DATA "capture.data.%u"
#define RUN_API "api.sock"   /* HTTP API for millracectl */
#define RUN_READY "%s.ready" /* "controlplane", "dataplane", "stream": see config/ready.h */
