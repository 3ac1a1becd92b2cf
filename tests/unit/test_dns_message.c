/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/dns_message.h"

#include <stdlib.h>

#include "dns_peer.h"

static struct buf text;
static struct dns_message m;
static struct error e;

static int parse(void)
{
	return dns_message_parse(buf_str(&text), &m, &e);
}

/* An answer to a question about web.test. */
static void begin(unsigned flags, unsigned answers, unsigned extra)
{
	buf_clear(&text);
	dns_put_head(&text, flags, answers, extra);
	dns_put_name(&text, "web.test");
	dns_put16(&text, 1);
	dns_put16(&text, 1);
}

START_TEST(records)
{
	begin(0, 4, 1);
	dns_put_address(&text, "Web.TEST", 7, "10.0.0.1");
	dns_put_address(&text, "web.test", 0x80000000, "2001:db8::1");
	dns_put_fixed(&text, "web.test", 16, 5, 3); /* TXT: left out */
	buf_append(&text, "\2hi", 3);
	dns_put_srv(&text, "web.test", 4000000, 1, 2, 3, "h.test");
	dns_put_address(&text, "h.test", 9, "10.0.0.2");
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(m.count, 4);
	ck_assert_int_eq(m.records[0].type, DNS_A);
	ck_assert_str_eq(m.records[0].name, "web.test");
	ck_assert_str_eq(m.records[0].value, "10.0.0.1");
	ck_assert_uint_eq(m.records[0].ttl_s, 7);
	ck_assert(!m.records[0].extra);
	ck_assert_int_eq(m.records[1].type, DNS_AAAA);
	ck_assert_str_eq(m.records[1].value, "2001:db8::1");
	ck_assert_uint_eq(m.records[1].ttl_s, 0);
	ck_assert_int_eq(m.records[2].type, DNS_SRV);
	ck_assert_str_eq(m.records[2].value, "h.test");
	ck_assert_uint_eq(m.records[2].priority, 1);
	ck_assert_uint_eq(m.records[2].weight, 2);
	ck_assert_uint_eq(m.records[2].port, 3);
	ck_assert_uint_eq(m.records[2].ttl_s, DNS_TTL_MAX_S);
	ck_assert(m.records[3].extra);
	ck_assert_str_eq(m.records[3].name, "h.test");
	dns_message_fini(&m);
	/* Cut anywhere it is damaged, and nothing is left of it. */
	while (text.n > 0) {
		text.n--;
		ck_holds(parse() == -1);
		ck_holds(m.records == NULL && e.text[0]);
	}
}
END_TEST

START_TEST(names)
{
	static const unsigned char pointed[] = {
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4
	};
	char label[64];
	size_t at;

	/* To the question. */
	begin(0, 1, 0);
	at = text.n;
	buf_append(&text, pointed, sizeof(pointed));
	ck_assert_int_eq(parse(), 0);
	ck_assert_str_eq(m.records[0].name, "web.test");
	ck_assert_str_eq(m.records[0].value, "1.2.3.4");
	dns_message_fini(&m);
	/* To itself, forward, beyond the end, and with a length that is none. */
	for (int i = 0; i < 4; i++) {
		const unsigned char to[] = { (unsigned char)at, (unsigned char)at + 1, 255, 0 };

		text.p[at] = i == 3 ? (char)0x80 : (char)0xc0;
		text.p[at + 1] = (char)to[i];
		ck_assert_int_eq(parse(), -1);
	}
	/* Two that point at each other. */
	begin(0, 1, 0);
	at = text.n;
	buf_append(&text, "\1a", 2);
	buf_char(&text, (char)0xc0);
	buf_char(&text, (char)at);
	buf_append(&text, pointed + 2, sizeof(pointed) - 2);
	ck_assert_int_eq(parse(), -1);
	/* What could be taken for another name, and one that is too long. */
	begin(0, 1, 0);
	buf_append(&text, "\3a.b\1\0", 7);
	text.p[text.n - 1] = '\0';
	buf_append(&text, pointed + 2, sizeof(pointed) - 2);
	text.p[text.n - sizeof(pointed) + 1] = '\0';
	ck_assert_int_eq(parse(), 0);
	ck_assert_str_eq(m.records[0].name, "a?b.?");
	dns_message_fini(&m);
	begin(0, 1, 0);
	memset(label, 'x', sizeof(label));
	label[0] = 63;
	for (int i = 0; i < 4; i++)
		buf_append(&text, label, 64);
	buf_char(&text, '\0');
	buf_append(&text, pointed + 2, sizeof(pointed) - 2);
	ck_assert_int_eq(parse(), -1);
}
END_TEST

START_TEST(not_an_answer)
{
	begin(0, 0, 0);
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(m.count, 0);
	dns_message_fini(&m);
	text.p[2] = 0;
	ck_assert_int_eq(parse(), -1);
	ck_assert_str_eq(e.text, "not an answer of a DNS server");
	begin(0x200, 0, 0);
	ck_assert_int_eq(parse(), -1);
	ck_assert_str_eq(e.text, "the answer was cut off by the server");
	/* Counts that promise more than there is cost no memory. */
	begin(0, 65535, 65535);
	ck_assert_int_eq(parse(), -1);
	/* Data that is longer, or shorter, than its record says. */
	begin(0, 1, 0);
	dns_put_fixed(&text, "web.test", DNS_A, 1, 5);
	buf_append(&text, "12345", 5);
	ck_assert_int_eq(parse(), -1);
	begin(0, 1, 0);
	dns_put_fixed(&text, "web.test", DNS_SRV, 1, 5);
	buf_append(&text, "12345", 5);
	ck_assert_int_eq(parse(), -1);
	/* Another class than IN is nobody's address. */
	begin(0, 1, 0);
	dns_put_address(&text, "a", 1, "10.0.0.1");
	text.p[text.n - 11] = 3;
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(m.count, 0);
	dns_message_fini(&m);
	buf_fini(&text);
}
END_TEST

START_TEST(as_many_as_fit)
{
	begin(0, DNS_RECORDS_MAX, 0);
	for (int i = 0; i < DNS_RECORDS_MAX; i++)
		dns_put_address(&text, "", 1, "10.0.0.1");
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(m.count, DNS_RECORDS_MAX);
	dns_message_fini(&m);
	text.p[7]++; /* one more */
	dns_put_address(&text, "", 1, "10.0.0.1");
	ck_assert_int_eq(parse(), -1);
	buf_fini(&text);
}
END_TEST

int main(void)
{
	return SUITE("dns_message", records, names, not_an_answer, as_many_as_fit);
}
