/* SPDX-License-Identifier: GPL-3.0-or-later */
/* access_private: between access and the HTTP server. Thread: the API's. */
#pragma once
#include "controlplane/api/access.h"

struct access_grant {
	char who[96];
	bool everything;
};

/** The headers are there: find out who asks. @return 0; -1: the answer is set */
int access_begin(struct api_request *r);
void access_end(struct api_request *r);
