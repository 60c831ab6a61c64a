/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reconfigure_publish: what other processes see of a configuration: the settings block in the arena
 * for workers, numbers in the hub for the rest of the dataplane and for the stream process. */
#include "controlplane/reconfigure.h"
#include "controlplane/settings.h"

#include <string.h>

int
reconfigure_publish_settings(struct zone_publisher *p, struct arena *a, const struct config *c,
	bool new_secret, const char **error)
{
	const struct settings *published = settings_published(a);
	struct settings s;
	int ret;

	*error = NULL;
	ret = settings_from_config(&s, c, new_secret ? NULL : published, error);
	if (ret != 0)
		return ret;
	*error = NULL;
	if (published == NULL || memcmp(&s, published, sizeof s) != 0)
		ret = settings_publish(p, &s);
	explicit_bzero(&s, sizeof s);
	return ret;
}

void
reconfigure_publish_live(struct hub *h, const struct config *c)
{
	struct hub_live *l = &h->control.live;
	uint32_t generation = atomic_load_explicit(&l->generation, memory_order_relaxed) + 1;

	atomic_store_explicit(&l->log_level, c->log_level, memory_order_relaxed);
	atomic_store_explicit(
		&l->stream_connections_max, c->stream.connections_max, memory_order_relaxed);
	atomic_store_explicit(&l->stream_connections_per_client_max,
		c->stream.connections_per_client_max, memory_order_relaxed);
	atomic_store_explicit(&l->stream_queries_per_connection_max,
		c->stream.queries_per_connection_max, memory_order_relaxed);
	atomic_store_explicit(
		&l->stream_idle_timeout_ms, c->stream.idle_timeout_ms, memory_order_relaxed);
	atomic_store_explicit(
		&l->stream_read_timeout_ms, c->stream.read_timeout_ms, memory_order_relaxed);
	atomic_store_explicit(
		&l->stream_write_timeout_ms, c->stream.write_timeout_ms, memory_order_relaxed);
	/* release: whoever sees the generation sees the fields; 0 means that there is none */
	atomic_store_explicit(
		&l->generation, generation == 0 ? 1 : generation, memory_order_release);
}
