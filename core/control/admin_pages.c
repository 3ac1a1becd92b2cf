/* SPDX-License-Identifier: Apache-2.0 */
#include "control/admin_pages.h"

#include <stdlib.h>

#include "control/control.h"
#include "control/generation.h"

#define ADMIN_TEXT "text/plain; charset=utf-8"

void admin_problem(struct admin_reply *r, int status, const char *title, const char *detail)
{
	r->status = status;
	admin_json(r, json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title", title,
				"status", status, "detail", detail));
	r->content_type = "application/problem+json";
}

void admin_json(struct admin_reply *r, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;

	must(text);
	r->content_type = "application/json";
	buf_append(&r->body, text, strlen(text));
	buf_char(&r->body, '\n');
	free(text);
	json_decref(json);
}

static void admin_index(struct control *c, struct admin_reply *r)
{
	(void)c;
	r->content_type = ADMIN_TEXT;
	buf_lit(&r->body,
		"gatehouse admin\n"
		"\n"
		"/healthz  200 while a worker serves\n"
		"/readyz   200 when all workers are ready and all services are known\n"
		"/status   workers, routes, plugins, services and their instances as JSON\n"
		"/metrics  Prometheus text\n"
		"\n"
		"POST /reload  reads the configuration again, and answers when it serves\n"
		"POST /diff  says what a reload to the configuration in its body would change\n"
		"POST /plugins/NAME/release  reloads with the plugin out of quarantine\n");
}

static void admin_healthz(struct control *c, struct admin_reply *r)
{
	list_each(l, &c->generations)
	{
		if (generation_ready_count(container_of(l, struct generation, link)) > 0) {
			r->content_type = ADMIN_TEXT;
			buf_lit(&r->body, "ok\n");
			return;
		}
	}
	admin_problem(r, 503, "Service Unavailable", "No worker is ready.");
}

static void admin_readyz(struct control *c, struct admin_reply *r)
{
	json_t *missing = admin_missing(c);
	bool ready = json_array_size(missing) == 0;

	r->status = ready ? 200 : 503;
	admin_json(r, json_pack("{s:b, s:o, s:o}", "ready", (int)ready, "missing", missing,
				"restored", admin_restored(c)));
}

static void admin_status_page(struct control *c, struct admin_reply *r)
{
	admin_json(r, admin_status(c));
}

static void admin_metrics_page(struct control *c, struct admin_reply *r)
{
	r->content_type = "text/plain; version=0.0.4; charset=utf-8";
	admin_metrics(c, &r->body);
}

static const struct {
	const char *path;
	void (*answer)(struct control *, struct admin_reply *);
} admin_pages[] = {
	{ "/", admin_index },
	{ "/healthz", admin_healthz },
	{ "/readyz", admin_readyz },
	{ "/status", admin_status_page },
	{ "/metrics", admin_metrics_page },
};

void admin_page(struct control *c, struct str path, struct admin_reply *r)
{
	r->status = 200;
	for (size_t i = 0; i < sizeof(admin_pages) / sizeof(admin_pages[0]); i++)
		if (str_eq(path, str_from(admin_pages[i].path))) {
			admin_pages[i].answer(c, r);
			return;
		}
	admin_problem(r, 404, "Not Found", "There is no such page; / lists those there are.");
}
