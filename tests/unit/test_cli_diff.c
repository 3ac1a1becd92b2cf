/* SPDX-License-Identifier: Apache-2.0 */
/* cli/diff.c: what is printed of each kind of change and of each answer, and the statuses of
 * diff(1). */
#include "gateway.h"
#include "peer.h"

enum { SAME = 0, DIFFERENT = 1, TROUBLE = 2 };

/* A configuration in that file of the scratch directory, with those members besides. */
static char *file(const char *name, const char *members)
{
	char text[PATH_MAX + 1024];

	snprintf(text, sizeof(text), "{\"listen\": [\":1\"], \"plugin_dir\": \"%s\"%s}",
		 scratch_plugins_built(), members);
	return strdup(scratch_write(name, text));
}

static const char some[] =
	", \"workers\": 1, \"services\": {\"s\": {\"endpoints\": [\"127.0.0.1:1\","
	" \"127.0.0.1:2\"]}}, \"routes\": [{\"path\": \"/b\", \"plugin\": \"lab_options\"}]";
static const char other[] =
	", \"admin\": \":7\", \"workers\": 2, \"services\": {\"s\": {\"endpoints\":"
	" [\"127.0.0.1:1\"], \"ejection\": {\"max_ejected\": 0.4}}, \"t\": {}}, \"routes\":"
	" [{\"path\": \"/b\", \"plugin\": \"lab_options\", \"config\": {\"secret\": \"s3cret\"}}]";

START_TEST(test_against_a_file)
{
	char *old = file("old.json", some), *new = file("new.json", other);

	ck_assert_int_eq(cli("diff", "-c", old, "--against", old), SAME);
	ck_assert_str_eq(cli_out.text, "");
	ck_assert_int_eq(cli("diff", "-c", new, "--against", old), DIFFERENT);
	ck_assert_str_eq(cli_err.text, "");
	ck_contains(cli_out.text, "changed  /admin: \"127.0.0.1:5080\" -> \"0.0.0.0:7\"\n");
	ck_contains(cli_out.text, "\nchanged  /workers: 1 -> 2\n");
	ck_contains(cli_out.text, "\nremoved  /services/s/endpoints/1: \"127.0.0.1:2\"\n");
	ck_contains(cli_out.text, "\nadded    /services/t\n");
	/* Numbers are as people write them. */
	ck_contains(cli_out.text, "\nchanged  /services/s/ejection/max_ejected: 0.3 -> 0.4\n");
	ck_contains(cli_out.text,
		    "\nchanged  /routes/0/config/secret (/b): null -> \"(secret)\"\n");
	ck_assert_ptr_null(strstr(cli_out.text, "s3cret"));
	/* No reload moves the admin listener. */
	ck_contains(cli_out.text, "\nremains  admin: \":7\" from the next start on");
	free(old);
	free(new);
}
END_TEST

START_TEST(test_json)
{
	char *old = file("old.json", some), *new = file("new.json", other);

	ck_assert_int_eq(cli("diff", "--json", "-c", new, "--against", old), DIFFERENT);
	json_t *answer = cli_json();
	ck_assert(json_is_true(json_object_get(answer, "different")));
	ck_assert_uint_ge(json_array_size(json_object_get(answer, "changes")), 6);
	ck_assert_uint_eq(json_array_size(json_object_get(answer, "notes")), 1);
	json_decref(answer);
	ck_assert_int_eq(cli("diff", "--json", "-c", old, "--against", old), SAME);
	answer = cli_json();
	json_t *nothing = json_pack("{s:b, s:[], s:[]}", "different", 0, "changes", "notes");
	ck_assert(json_equal(answer, nothing));
	json_decref(nothing);
	json_decref(answer);
	free(old);
	free(new);
}
END_TEST

START_TEST(test_trouble)
{
	char *right = file("right.json", some), *wrong = file("wrong.json", ", \"workers\": 0");

	ck_assert_int_eq(cli("diff", "-c", wrong, "--against", right), TROUBLE);
	ck_contains(cli_err.text, "wrong.json:1:");
	ck_contains(cli_err.text, "/workers: 0 is out of range");
	ck_assert_int_eq(cli("diff", "-c", right, "--against", wrong), TROUBLE);
	ck_contains(cli_err.text, "wrong.json:1:");
	ck_assert_int_eq(cli("diff", "-c", right, "--against", "/nowhere/x.json"), TROUBLE);
	ck_contains(cli_err.text, "/nowhere/x.json: cannot read it");
	ck_assert_int_eq(cli("diff", "-c", right, "--against", right, "--admin", ":1"), TROUBLE);
	ck_assert_str_eq(cli_err.text,
			 "gatehouse diff: --admin and --against exclude each other\n");
	ck_assert_str_eq(cli_out.text, "");
	free(right);
	free(wrong);
}
END_TEST

/* "gatehouse diff" with a gateway that answers so. */
static int ask(const char *body)
{
	char *right = file("right.json", some);

	peer_tcp("127.0.0.1");
	peer_answer_json("200 OK", body);
	int status = cli("diff", "-c", right, "--admin", peer_address("127.0.0.1"));
	const char *request = peer_end();
	ck_assert_int_eq(strncmp(request, "POST /diff HTTP/1.1\r\n", 21), 0);
	/* The file as it is. */
	ck_contains(request, "\r\n\r\n{\"listen\": [\":1\"], ");
	free(right);
	return status;
}

START_TEST(test_answers)
{
	ck_assert_int_eq(ask("{\"changes\": [], \"notes\": [\"n\"]}"), SAME);
	ck_assert_str_eq(cli_out.text, "remains  n\n");
	ck_assert_int_eq(ask("{\"changes\": [{\"change\": \"moved\", \"pointer\": \"/routes/1\","
			     " \"route\": \"/a\", \"old\": 1, \"new\": 2}]}"),
			 DIFFERENT);
	ck_assert_str_eq(cli_out.text, "moved    /routes/1 (/a): 1 -> 2\n");
	ck_assert_int_eq(ask("{\"errors\": [{\"line\": \"f:1:2: x\"}, \"y\"]}"), TROUBLE);
	ck_assert_str_eq(
		cli_err.text,
		"f:1:2: x\ny\ngatehouse diff: it cannot be used in the place of what it is "
		"compared with\n");
	ck_assert_int_eq(ask("{\"fault\": \"crashed\", \"plugin\": \"p\"}"), TROUBLE);
	ck_assert_str_eq(cli_err.text, "gatehouse diff: plugin \"p\" crashed\n");
	ck_assert_int_eq(ask("{\"status\": 503, \"detail\": \"not now\"}"), TROUBLE);
	ck_assert_str_eq(cli_err.text, "gatehouse diff: not now\n");
	ck_assert_str_eq(cli_out.text, "");
}
END_TEST

START_TEST(test_gateway)
{
	char *path = strdup(gateway_write(""));

	ck_assert_int_eq(mkdir(scratch_path("plugins"), 0755), 0);
	ck_assert_int_eq(cli("diff", "-c", path), TROUBLE);
	ck_contains(cli_err.text, "gatehouse diff: no gateway answers at unix:/tmp/");
	gateway_start(path);
	int status = cli("diff", "-c", path);
	ck_assert_str_eq(cli_err.text, "");
	ck_assert_int_eq(status, SAME);
	gateway_write(", \"zone\": \"a\"");
	ck_assert_int_eq(cli("diff", "-c", path), DIFFERENT);
	ck_assert_str_eq(cli_err.text, "");
	ck_contains(cli_out.text, "changed  /zone: ");
	ck_assert_int_eq(gateway_stop(), 0);
	free(path);
}
END_TEST

CLI_SUITE("cli_diff", test_against_a_file, test_json, test_trouble, test_answers, test_gateway)
