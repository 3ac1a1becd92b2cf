/* SPDX-License-Identifier: Apache-2.0 */
/* The child process that loads plugins for the other commands.  It reports on descriptor 3, also
 * when a plugin brings it down: the report then says which one, and where. */
#include "cli/commands.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/child.h"
#include "cli/describe.h"
#include "cli/sides.h"
#include "cli/symbols.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "config/handed.h"
#include "control/inspect.h"
#include "metrics/slab.h"
#include "plugin/file.h"
#include "proxy/host.h"
#include "proxy/proxy.h"
#include "route/table.h"
#include "worker/confine.h"

enum { PROBE_LIMIT_S = 10, PROBE_STACK = 64 * 1024 };

/* For the signal handler: what runs now. */
static struct {
	const char *file_of; /* plugin that is inspected; NULL: a whole configuration is checked */
	struct plugin_image *image; /* what is inspected */
	struct gateway_config *config;
	struct route_table *routes;
	struct proxy proxy;           /* serves no client; plugins log through it */
	const struct plugin_set *set; /* whose plugin may run; NULL: that of proxy */
	struct slab_running running;
} probe;

static size_t probe_append(char *out, size_t n, size_t size, const char *text)
{
	while (*text && n + 1 < size)
		out[n++] = *text++;
	out[n] = '\0';
	return n;
}

static const char *probe_signal_name(int number)
{
	switch (number) {
	case SIGSEGV:
		return "SIGSEGV";
	case SIGBUS:
		return "SIGBUS";
	case SIGFPE:
		return "SIGFPE";
	case SIGILL:
		return "SIGILL";
	case SIGABRT:
		return "SIGABRT";
	default:
		return "stuck";
	}
}

/* Names of plugins and hooks are letters, digits, "_" and "-": no JSON escapes are needed. */
static void probe_on_signal(int number)
{
	const struct plugin_set *set = probe.set ? probe.set : &probe.proxy.plugins;
	const char *plugin = probe.file_of ? probe.file_of : plugin_set_loading(set);
	const char *hook = plugin_hook_name((enum plugin_hook)probe.running.hook);
	char out[256];
	size_t n = 0;

	n = probe_append(out, n, sizeof(out), "{\"fault\": \"");
	n = probe_append(out, n, sizeof(out),
			 number == SIGALRM ? "did not come back within 10 s while being checked (" :
					     "crashed while being checked (");
	n = probe_append(out, n, sizeof(out), probe_signal_name(number));
	n = probe_append(out, n, sizeof(out), plugin ? " in " : "");
	n = probe_append(out, n, sizeof(out), plugin ? hook : "");
	n = probe_append(out, n, sizeof(out), ")\", \"plugin\": \"");
	n = probe_append(out, n, sizeof(out), plugin ? plugin : "");
	n = probe_append(out, n, sizeof(out), "\"}\n");
	if (write(INSPECT_FD_REPORT, out, n) < 0)
		_exit(CLI_USAGE);
	_exit(CLI_FAILED);
}

/* On a stack of its own, since a plugin may have used up the other. */
static void probe_catch(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM };
	static char stack[PROBE_STACK];
	struct sigaction action = { .sa_handler = probe_on_signal,
				    .sa_flags = (int)(SA_ONSTACK | SA_RESETHAND) };

	sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof(stack) }, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	alarm(PROBE_LIMIT_S);
}

static int probe_report(json_t *report)
{
	FILE *out = fdopen(INSPECT_FD_REPORT, "w");
	int rc = out && report ? json_dumpf(report, out, JSON_COMPACT) : -1;

	if (out && fclose(out) != 0)
		rc = -1;
	json_decref(report);
	return rc == 0 ? CLI_OK : CLI_FAILED;
}

static int probe_plugin(const char *dir, const char *name)
{
	struct error e = { "" };

	probe.file_of = name;
	probe.image = plugin_image_load(dir, name, host_table(&probe.proxy), &e);
	return probe_report(probe.image ? describe_plugin(probe.image) :
					  json_pack("{ss}", "error", e.text));
}

static json_t *probe_errors(const struct config_errors *errors)
{
	json_t *out = json_array();

	for (size_t i = 0; i < errors->count; i++)
		json_array_append_new(out, json_pack("{ssss}", "pointer", errors->items[i].pointer,
						     "text", errors->items[i].text));
	return out;
}

static json_t *probe_names(const char *const *names, size_t n)
{
	json_t *out = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(out, json_string(names[i]));
	return out;
}

/* The services of each route's handler and filters, by the route's position. */
static json_t *probe_routes(const struct plugin_set *set)
{
	json_t *out = json_array();

	for (size_t i = 0; i < set->chain_count; i++) {
		json_t *services = json_array();
		for (uint32_t k = set->chains[i]->use_count; k-- > 0;) {
			json_t *more = probe_names(set->chains[i]->uses[k].services,
						   set->chains[i]->uses[k].service_count);
			json_array_extend(services, more);
			json_decref(more);
		}
		json_array_append_new(out, services);
	}
	return out;
}

static void probe_input(struct buf *out)
{
	char *room;
	ssize_t n;

	while ((room = buf_room(out, 64 * 1024)) && (n = read(STDIN_FILENO, room, 64 * 1024)) > 0)
		out->n += (size_t)n;
}

/* The configuration on standard input.  Plugins stay as they are: their code may not be ended
 * without its load, so neither are set and configuration freed. */
static struct gateway_config *probe_read(const char *file)
{
	struct config_errors known = { 0 }; /* the parent has them too */
	struct gateway_config *config;
	struct buf text = { 0 };

	probe_input(&text);
	config = gateway_config_read(file, &(struct str){ text.p, text.n }, &known);
	config_errors_fini(&known);
	buf_fini(&text);
	return config;
}

static int probe_open_plugins(struct config_errors *errors)
{
	struct plugin_opening how = { .host = host_table(&probe.proxy), .running = &probe.running };

	return plugin_set_open(&probe.proxy.plugins, probe.config, &how, errors);
}

static int probe_config(const char *file)
{
	const struct plugin_set *set = &probe.proxy.plugins;
	struct config_errors errors = { 0 };
	json_t *report;

	probe.config = probe_read(file);
	if (!probe.config)
		return CLI_FAILED;
	if (probe_open_plugins(&errors) < 0)
		report = json_pack("{so}", "errors", probe_errors(&errors));
	else
		report = json_pack("{s[]sosiso}", "errors", "services",
				   probe_names(set->services, set->service_count), "plugins",
				   (int)set->image_count, "routes", probe_routes(set));
	config_errors_fini(&errors);
	return probe_report(report);
}

/* "file NAME PATH HASH": a copy of a plugin that was handed down. */
static int probe_file(const struct cli_args *args)
{
	struct error e = { "" };
	struct plugin_file file = { .name = (char *)(uintptr_t)args->operands[1],
				    .path = (char *)(uintptr_t)args->operands[2],
				    .fd = INSPECT_FD_REPORT + 1 };

	snprintf(file.hash, sizeof(file.hash), "%s", args->operands[3]);
	probe.file_of = file.name;
	probe.image = plugin_image_adopt(&file, host_table(&probe.proxy), &e);
	return probe_report(probe.image ? describe_plugin(probe.image) :
					  json_pack("{ss}", "error", e.text));
}

static json_t *probe_lines(struct config_errors *errors, const char *file)
{
	json_t *out = json_array();

	config_errors_sort(errors);
	for (size_t i = 0; i < errors->count; i++) {
		char *line = config_error_line(&errors->items[i], file);
		json_array_append_new(out, json_pack("{s:s, s:s, s:s}", "pointer",
						     errors->items[i].pointer, "text",
						     errors->items[i].text, "line", line));
		free(line);
	}
	return out;
}

/* Everything about a configuration that a reload brings.  On standard input: size bytes of text,
 * and what was handed to it behind them. */
static int probe_reload(const char *file, size_t size)
{
	struct config_errors errors = { 0 };
	struct buf in = { 0 };
	json_t *report;

	probe_input(&in);
	if (size > in.n)
		return CLI_FAILED;
	probe.config = gateway_config_load(file, &(struct str){ in.p ? in.p : "", size }, &errors);
	if (probe.config) {
		handed_apply_text(probe.config, (struct str){ in.p + size, in.n - size },
				  INSPECT_FD_REPORT + 1, &errors);
		probe.routes = route_table_new(probe.config, 0, &errors);
		confine_calls(probe.config, NULL, false);
		probe_open_plugins(&errors);
	}
	report = json_pack("{so}", "errors", probe_lines(&errors, file));
	config_errors_fini(&errors);
	buf_fini(&in);
	return probe_report(report);
}

/* What a reload would change.  On standard input: {"old": SIDE, "new": SIDE} (cli/sides.h). */
static int probe_diff(const char *file)
{
	static struct side sides[2];
	struct config_errors errors = { 0 };
	struct buf in = { 0 };
	int fd = INSPECT_FD_REPORT + 1;
	json_t *report = NULL;

	probe_input(&in);
	json_t *input = json_loadb(in.p ? in.p : "", in.n, 0, NULL);
	const json_t *old = json_object_get(input, "old"), *new = json_object_get(input, "new");
	buf_fini(&in);
	probe.set = &sides[0].proxy.plugins;
	int rc = side_open(&sides[0], file, old, fd, &probe.running, &errors);
	fd += (int)json_array_size(json_object_get(json_object_get(old, "handed"), "plugins"));
	if (rc == 0) {
		probe.set = &sides[1].proxy.plugins;
		rc = side_open(&sides[1], file, new, fd, &probe.running, &errors);
	}
	if (rc)
		report = json_pack("{s:o}", "errors", probe_lines(&errors, file));
	else
		report = json_pack("{s:[], s:o}", "errors", "changes",
				   sides_diff(&sides[0], &sides[1]));
	json_decref(input);
	config_errors_fini(&errors);
	return probe_report(report);
}

static int probe_symbols(const char *plugin_dir)
{
	struct buf text = { 0 };

	probe_input(&text);
	json_t *input = json_loadb(text.p ? text.p : "", text.n, 0, NULL);
	buf_fini(&text);
	json_t *report = symbols_find(input, plugin_dir);
	json_decref(input);
	return probe_report(report);
}

static int probe_run(const struct cli_args *args)
{
	log_init(LOG_WARN, false, "check");
	probe_catch();
	confine_rights();
	if (strcmp(args->operands[0], "plugin") == 0 && args->operand_count == 3)
		return probe_plugin(args->operands[1], args->operands[2]);
	if (strcmp(args->operands[0], "file") == 0 && args->operand_count == 4)
		return probe_file(args);
	if (strcmp(args->operands[0], "reload") == 0 && args->operand_count == 3)
		return probe_reload(args->operands[1], strtoul(args->operands[2], NULL, 10));
	if (strcmp(args->operands[0], "diff") == 0)
		return probe_diff(args->operands[1]);
	if (strcmp(args->operands[0], "symbols") == 0)
		return probe_symbols(args->operands[1]);
	return probe_config(args->operands[1]);
}

const struct cli_command cli_probe_command = {
	.name = "probe",
	.summary = "Load plugins for another command; gatehouse runs it itself.",
	.operands = "config FILE | reload FILE SIZE | diff FILE | plugin DIR NAME | "
		    "file NAME PATH HASH | symbols DIR",
	.min_operands = 2,
	.max_operands = 4,
	.hidden = true,
	.run = probe_run,
};
