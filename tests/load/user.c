/* user.c: the signalling of one browser: its WebSocket and its REGISTERs. */
#include "tests/load/load.h"

#include "sip/digest.h"

#include <stdio.h>

static void on_registered(void *arg, const struct sip_msg *response);

static void send_register(struct user *u, struct str authorization)
{
	char uri[128], to[160], headers[1400];

	snprintf(uri, sizeof(uri), "sip:%s", u->load->o.domain);
	snprintf(to, sizeof(to), "<sip:%s@%s>", u->name, u->load->o.domain);
	snprintf(headers, sizeof(headers), "Expires: 600\r\n%.*s", STR_ARG(authorization));
	u->load->result.register_requests++;
	int err = sip_request_send(u->load->pages, &(struct sip_request_config){
							   .flow = &u->ws.flow,
							   .method = SIP_REGISTER,
							   .uri = str_of(uri),
							   .from = str_of(to),
							   .to = str_of(to),
							   .contact = str_of(u->contact),
							   .headers = str_of(headers),
							   .on_response = on_registered,
							   .arg = u,
						   });
	if (err)
		on_registered(u, NULL);
}

static void finish(struct user *u, unsigned status)
{
	struct result *r = &u->load->result;
	char why[64];

	u->registering = false;
	u->registered = status;
	if (status == 200) {
		r->registered++;
		series_add(&r->register_ms, (double)(uv_hrtime() - u->register_ns) / 1e6);
		return;
	}
	snprintf(why, sizeof(why), "REGISTER %u", status);
	r->register_failed++;
	result_reason(r, why);
}

static void on_registered(void *arg, const struct sip_msg *response)
{
	struct user *u = arg;
	char mem[1024], uri[128];
	struct writer w;
	struct str line;

	if (!response || response->status != 401 || u->answered_challenge) {
		finish(u, response ? response->status : 408);
		return;
	}
	u->answered_challenge = true;
	snprintf(uri, sizeof(uri), "sip:%s", u->load->o.domain);
	writer_init(&w, mem, sizeof(mem));
	if (sip_digest_answer(response, STR("REGISTER"), str_of(uri), str_of(u->name),
			      str_of(u->load->o.password), str_of(u->load->o.domain), NULL,
			      &w) != 0 ||
	    writer_end(&w, &line) != 0)
		finish(u, 401);
	else
		send_register(u, line);
}

void user_register(struct user *u)
{
	u->registering = true;
	u->answered_challenge = false;
	u->register_ns = uv_hrtime();
	send_register(u, STR(""));
}

bool user_is_ready(const struct user *u)
{
	return u->open && (!u->load->o.register_first || u->registered == 200);
}

static void on_open(struct ws *ws)
{
	struct user *u = ws->arg;

	u->open = true;
	if (u->load->o.register_first)
		user_register(u);
}

static void on_closed(struct ws *ws, const char *why)
{
	struct user *u = ws->arg;
	char text[80];

	u->closed = true;
	if (why && u->load->o.mode) {
		snprintf(text, sizeof(text), "WebSocket: %s", why);
		result_reason(&u->load->result, text);
	}
}

void user_open(struct user *u, struct load *load, unsigned index)
{
	*u = (struct user){ .load = load, .index = index };
	snprintf(u->name, sizeof(u->name), "%s%05u", load->o.prefix, load->o.first_user + index);
	snprintf(u->contact, sizeof(u->contact), "<sip:%s@h5n1k3j2.invalid;transport=ws>", u->name);
	u->ws.arg = u;
	u->ws.on_open = on_open;
	u->ws.on_closed = on_closed;
	if (ws_open(&u->ws, &load->loop, load->pages, &load->o.web, load->tls) != 0)
		result_reason(&load->result, "WebSocket: no connection");
}
