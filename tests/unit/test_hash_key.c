/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hash_key.c: what of a request "balance": "hash" goes by. */
#include "proxy/hash_key.h"

#include "proxy_rig.h"
#include "upstream/balance.h"

/* A filter that lets every request wait, so that it can be looked at. */
#define WAITING                                                                                    \
	"'plugin_dir': '@lab', 'routes': [{'path': '/u/{user}/*', 'plugin': 'lab_info', "          \
	"'filters': [{'plugin': 'lab_trace', 'config': {'at': 'request', 'act': 'hang'}}]}]"

/* The key of a request with these fields; absent: NULL. */
static void key_is(const char *fields, enum config_hash_kind kind, const char *name,
		   const char *expected)
{
	struct config_hash hash = { .kind = kind, .name = name };
	struct rig_peer *client = rig_connect();
	char head[1024];
	uint64_t key = 0;

	snprintf(head, sizeof(head), "GET /u/Ann%%2C/x HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);
	rig_send(client, head);
	rig_until(rig_conn()->x && rig_conn()->x->waiting);
	bool has = hash_key(rig_conn()->x, &hash, &key);
	ck_assert_msg(has == (expected != NULL), "%s of %s", name, fields);
	if (expected)
		ck_assert_msg(key == balance_key(str_from(expected)), "%s of %s", name, fields);
	rig_reset(client);
	rig_until(list_empty(&rig.proxy.conns));
}

START_TEST(test_client_and_path)
{
	rig_open(WAITING);
	key_is("", CONFIG_HASH_CLIENT, NULL, "127.0.0.1");
	/* As the path is relayed: decoded only where that makes no difference. */
	key_is("", CONFIG_HASH_PATH, "user", "Ann%2C");
	key_is("", CONFIG_HASH_PATH, "other", NULL);
	rig_close();
}
END_TEST

START_TEST(test_header)
{
	rig_open(WAITING);
	key_is("X-User: ann\r\nx-user: bob\r\n", CONFIG_HASH_HEADER, "x-user", "ann");
	key_is("X-USER: Ann\r\n", CONFIG_HASH_HEADER, "x-user", "Ann");
	key_is("X-Users: ann\r\n", CONFIG_HASH_HEADER, "x-user", NULL);
	key_is("X-User:\r\n", CONFIG_HASH_HEADER, "x-user", NULL);
	/* Named by Connection it is not the request's. */
	key_is("Connection: x-user\r\nX-User: ann\r\n", CONFIG_HASH_HEADER, "x-user", NULL);
	rig_close();
}
END_TEST

START_TEST(test_cookie)
{
	rig_open(WAITING);
	key_is("Cookie: id=1\r\n", CONFIG_HASH_COOKIE, "id", "1");
	key_is("Cookie: xid=0; idx=0;id=1=2; id=3\r\n", CONFIG_HASH_COOKIE, "id", "1=2");
	key_is("Cookie: a=1;\t id=2;\r\n", CONFIG_HASH_COOKIE, "id", "2");
	key_is("Cookie: a=1\r\ncookie: id=2\r\n", CONFIG_HASH_COOKIE, "id", "2");
	/* Names are compared as they are (RFC 6265, 5.4), and it takes a "=". */
	key_is("Cookie: ID=1; id\r\n", CONFIG_HASH_COOKIE, "id", NULL);
	key_is("Cookie: id=\r\n", CONFIG_HASH_COOKIE, "id", NULL);
	key_is("Cookie: ;;=; \r\n", CONFIG_HASH_COOKIE, "id", NULL);
	key_is("", CONFIG_HASH_COOKIE, "id", NULL);
	rig_close();
}
END_TEST

/* One key goes to one endpoint, whatever comes between. */
START_TEST(test_same_key_same_endpoint)
{
	unsigned on = 0;

	rig_open("'plugin_dir': '@plugins', 'services': {'s': {'endpoints': ['@0', '@1', '@2'], "
		 "'balance': 'hash', 'hash_by': 'header:X-User', 'hash_load': 'unlimited'}}, "
		 "'routes': [{'path': '/*', 'plugin': 'relay', 'config': {'service': 's'}}]");
	for (int i = 0; i < 6; i++) {
		struct rig_peer *client = rig_connect();
		rig_send(client, RIG_ASK("GET", "/") "X-User: ann\r\n\r\n");
		rig_until(rig.origins[0].count + rig.origins[1].count + rig.origins[2].count > 0);
		for (unsigned k = 0; i == 0 && k < 3; k++)
			on = rig.origins[k].count ? k : on;
		rig_got(rig_accepted(on, 0),
			"GET / HTTP/1.1\r\nHost: h\r\nX-User: ann\r\n" RIG_ORIGIN);
		rig_answer(rig_accepted(on, 0), client);
	}
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("hash_key", test_client_and_path, test_header, test_cookie,
		     test_same_key_same_endpoint);
}
