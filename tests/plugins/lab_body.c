/* SPDX-License-Identifier: Apache-2.0 */
/* lab_body -- a filter that changes bodies on their way, without keeping them. */
#include <gatehouse/plugin.h>
#include <stdlib.h>

enum { BODY_KEEP, BODY_UPPER, BODY_DOUBLE, BODY_EMPTY, BODY_TAIL, BODY_FAIL, BODY_DROP };

struct body_route {
	int request, response;
};

#define BODY_CHOICES "keep|upper|double|empty|tail|fail|drop"

static const struct gh_option body_options[] = {
	GH_ENUM(struct body_route, request, BODY_CHOICES, "keep", "What happens to requests."),
	GH_ENUM(struct body_route, response, BODY_CHOICES, "keep", "What happens to answers."),
};

/* One buffer per request serves all pieces: what cannot be sent at once is copied. */
struct body_state {
	char *bytes;
	size_t size;
};

static char *body_room(struct gh_request *r, size_t n)
{
	struct body_state *s = gh_data(r);

	if (!s) {
		s = gh_alloc(r, sizeof(*s));
		gh_set_data(r, s);
	}
	if (s && s->size < n) {
		char *more = realloc(s->bytes, n);
		if (!more)
			return NULL;
		s->bytes = more;
		s->size = n;
	}
	return s ? s->bytes : NULL;
}

static enum gh_verdict body_replace(struct gh_request *r, struct gh_body *body, int how)
{
	char *to = body_room(r, 2 * body->n + 8);

	if (!to)
		return GH_FAIL;
	if (body->n)
		memcpy(to, body->data, body->n);
	if (how == BODY_UPPER) {
		for (size_t i = 0; i < body->n; i++)
			if (to[i] >= 'a' && to[i] <= 'z')
				to[i] = (char)(to[i] - 32);
	} else if (how == BODY_DOUBLE) {
		if (body->n)
			memcpy(to + body->n, body->data, body->n);
		body->n *= 2;
	} else if (body->last) {
		memcpy(to + body->n, "<tail>", 6);
		body->n += 6;
	}
	body->data = to;
	return GH_NEXT;
}

static enum gh_verdict body_change(struct gh_request *r, struct gh_body *body, int how)
{
	switch (how) {
	case BODY_KEEP:
		return GH_NEXT;
	case BODY_EMPTY:
		body->n = 0;
		return GH_NEXT;
	case BODY_FAIL:
		return GH_FAIL;
	case BODY_DROP:
		return GH_DROP;
	default:
		return body_replace(r, body, how);
	}
}

static enum gh_verdict body_on_request_body(struct gh_request *r, struct gh_body *body)
{
	return body_change(r, body, gh_route_options(r, struct body_route)->request);
}

static enum gh_verdict body_on_response_body(struct gh_request *r, struct gh_body *body)
{
	return body_change(r, body, gh_route_options(r, struct body_route)->response);
}

static void body_on_end(struct gh_request *r, const struct gh_end *end)
{
	struct body_state *s = gh_data(r);

	(void)end;
	if (s)
		free(s->bytes);
}

GH_PLUGIN(.name = "lab_body", .version = "1.0", .summary = "Changes bodies on their way.",
	  GH_OPTIONS(body_options, struct body_route), .on_request_body = body_on_request_body,
	  .on_response_body = body_on_response_body, .on_end = body_on_end);
