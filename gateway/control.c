/* control.c: see control.h. A client has one timer for its whole life: who has not
 * asked and read by then is closed, so a slow reader holds one answer at most.
 * Clients beyond the limit wait in the socket's queue. */
#include "gateway/control.h"

#include "gateway/log.h"
#include "gateway/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct client {
	struct control *control; /* NULL: this place is free */
	uv_pipe_t pipe;
	uv_timer_t timer;
	unsigned open_handles;
	char line[CONTROL_MOST_LINE + 1];
	size_t n;
	char *answer; /* owned, while it is written */
	uv_write_t write;
};

struct control {
	struct control_config config;
	uv_pipe_t listener;
	bool listener_closed;
	struct sockaddr_un address;
	struct client clients[CONTROL_MOST_CLIENTS];
	size_t n;
	bool somebody_waits; /* libuv keeps him until uv_accept() */
};

static int address_of(const char *folder, struct sockaddr_un *address)
{
	int n;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(address->sun_path, sizeof(address->sun_path), "%s/control.sock", folder);
	return n < 0 || (size_t)n >= sizeof(address->sun_path) ? -ENAMETOOLONG : 0;
}

/* A socket of our own that does not survive an exec. */
static int connect_to(const struct sockaddr_un *address, int flags, int *out)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	*out = fd;
	return 0;
}

/* ---- a client ---- */

static void let_in(struct control *control);

static void free_if_over(struct control *control)
{
	if (control->listener_closed && control->n == 0)
		free(control);
}

static void on_client_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;
	struct control *control = client->control;

	if (--client->open_handles > 0)
		return;
	free(client->answer);
	*client = (struct client){ 0 };
	control->n--;
	if (control->somebody_waits && !uv_is_closing((uv_handle_t *)&control->listener))
		let_in(control);
	free_if_over(control);
}

static void close_client(struct client *client)
{
	if (uv_is_closing((uv_handle_t *)&client->pipe))
		return;
	uv_close((uv_handle_t *)&client->pipe, on_client_closed);
	uv_close((uv_handle_t *)&client->timer, on_client_closed);
}

static void on_client_timer(uv_timer_t *timer)
{
	close_client(timer->data);
}

static void on_written(uv_write_t *write, int status)
{
	(void)status;
	close_client(write->data);
}

static char *drain(const struct control *control)
{
	size_t calls = control->config.on_drain(control->config.arg);
	char text[64];

	snprintf(text, sizeof(text), "draining: %zu call%s running\n", calls,
		 calls == 1 ? "" : "s");
	return str_dup(str_of(text));
}

static char *answer_to(const struct control *control, struct str line)
{
	struct str verb = str_word(&line);

	if (str_eq(verb, STR("trace")))
		return traces_print(control->config.traces, str_trim(line));
	if (str_eq(verb, STR("drain")) && str_empty(str_trim(line)) && control->config.on_drain)
		return drain(control);
	return NULL;
}

/* Nothing known: closed without a word. */
static void answer(struct client *client, struct str line)
{
	uv_buf_t buf;

	uv_read_stop((uv_stream_t *)&client->pipe);
	client->answer = answer_to(client->control, line);
	if (!client->answer) {
		close_client(client);
		return;
	}
	buf = uv_buf_init(client->answer, (unsigned)strlen(client->answer));
	client->write.data = client;
	if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &buf, 1, on_written) != 0)
		close_client(client);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *client = handle->data;

	(void)suggested;
	*buf = uv_buf_init(client->line + client->n, (unsigned)(sizeof(client->line) - client->n));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *client = stream->data;
	struct str line;

	(void)buf;
	if (n < 0) {
		close_client(client);
		return;
	}
	client->n += (size_t)n;
	line = str_head((struct str){ client->line, client->n },
			str_find((struct str){ client->line, client->n }, '\n'));
	if (line.n < client->n)
		answer(client, line);
	else if (client->n == sizeof(client->line))
		close_client(client);
}

static void let_in(struct control *control)
{
	struct client *client = control->clients;

	control->somebody_waits = control->n == CONTROL_MOST_CLIENTS;
	if (control->somebody_waits)
		return;
	while (client->control)
		client++;
	client->control = control;
	uv_pipe_init(control->config.loop, &client->pipe, 0);
	uv_timer_init(control->config.loop, &client->timer);
	client->pipe.data = client->timer.data = client;
	client->open_handles = 2;
	control->n++;
	if (uv_accept((uv_stream_t *)&control->listener, (uv_stream_t *)&client->pipe) != 0 ||
	    uv_timer_start(&client->timer, on_client_timer, CONTROL_TIMEOUT_MS, 0) != 0 ||
	    uv_read_start((uv_stream_t *)&client->pipe, on_room, on_read) != 0)
		close_client(client);
}

static void on_connection(uv_stream_t *listener, int status)
{
	if (status == 0)
		let_in(listener->data);
}

/* ---- the socket ---- */

/* Only a socket that nobody answers at is taken away. */
static int clear_way(const struct sockaddr_un *address)
{
	struct stat st;
	int fd, err;

	if (lstat(address->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	err = connect_to(address, SOCK_NONBLOCK, &fd);
	if (err == 0)
		close(fd);
	if (err == 0 || err == -EAGAIN) /* it lives; its queue may be full */
		return -EADDRINUSE;
	if (err != -ECONNREFUSED)
		return err;
	return unlink(address->sun_path) == 0 || errno == ENOENT ? 0 : -errno;
}

/* The mode is set before the name exists: nobody else can connect in between. */
static int bind_to(const struct sockaddr_un *address, int *out)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) != 0 ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*out = fd;
	return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct control *control = handle->data;

	control->listener_closed = true;
	free_if_over(control);
}

static int complain(const char *folder, int err)
{
	if (err == -EADDRINUSE)
		log_error("another gateway uses the state folder %s", folder);
	else
		log_error("cannot make %s/control.sock: %s", folder, uv_strerror(err));
	return err;
}

int control_new(const struct control_config *config, struct control **out)
{
	const char *folder = config->folder;
	struct control *control;
	int fd = -1, err;

	if (!folder) {
		*out = NULL;
		return 0;
	}
	control = calloc(1, sizeof(*control));
	if (!control)
		return -ENOMEM;
	control->config = *config;
	control->config.folder = NULL;
	err = address_of(folder, &control->address);
	if (!err)
		err = clear_way(&control->address);
	if (!err)
		err = bind_to(&control->address, &fd);
	if (err) {
		free(control);
		return complain(folder, err);
	}
	uv_pipe_init(config->loop, &control->listener, 0);
	control->listener.data = control;
	err = uv_pipe_open(&control->listener, fd);
	if (err)
		close(fd);
	else
		err = uv_listen((uv_stream_t *)&control->listener, CONTROL_MOST_CLIENTS,
				on_connection);
	if (err) {
		control_close(control);
		return complain(folder, err);
	}
	*out = control;
	return 0;
}

void control_close(struct control *control)
{
	if (!control || uv_is_closing((uv_handle_t *)&control->listener))
		return;
	unlink(control->address.sun_path);
	uv_close((uv_handle_t *)&control->listener, on_listener_closed);
	for (size_t i = 0; i < CONTROL_MOST_CLIENTS; i++)
		if (control->clients[i].control)
			close_client(&control->clients[i]);
}

/* ---- asking ---- */

static int send_all(int fd, struct str text)
{
	while (!str_empty(text)) {
		ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EPIPE ? -ECONNREFUSED : -errno;
		text = str_skip(text, (size_t)n);
	}
	return 0;
}

static int copy_answer(int fd)
{
	char mem[4096];
	bool any = false;

	for (;;) {
		ssize_t n = recv(fd, mem, sizeof(mem), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n == 0)
			break;
		any = true;
		if (fwrite(mem, 1, (size_t)n, stdout) != (size_t)n)
			return -EIO;
	}
	if (fflush(stdout) != 0)
		return -EIO;
	return any ? 0 : -ENOENT;
}

int control_ask(const char *folder, const char *question)
{
	struct timeval most = { .tv_sec = 2 * CONTROL_TIMEOUT_MS / 1000 };
	struct sockaddr_un address;
	char line[CONTROL_MOST_LINE + 1];
	int n = snprintf(line, sizeof(line), "%s\n", question), fd;
	int err;

	if (n < 0 || (size_t)n >= sizeof(line) || strchr(question, '\n'))
		return -EINVAL;
	err = address_of(folder, &address);
	if (!err)
		err = connect_to(&address, 0, &fd);
	if (err)
		return err == -ENOENT ? -ECONNREFUSED : err;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
	err = send_all(fd, str_of(line));
	if (!err)
		err = copy_answer(fd);
	close(fd);
	return err;
}
