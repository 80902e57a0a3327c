/* The control socket: who may ask, what he gets, and what bad askers cannot do. */
#include "gateway/control.h"
#include "gateway/log.h"
#include "gateway/trace.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static uint64_t clock_ms(void *arg)
{
	(void)arg;
	return 1;
}

struct fixture {
	char folder[64], path[128];
	uv_loop_t loop;
	struct traces *traces;
	struct control *control;
	unsigned drains;
};

static size_t on_drain(void *arg)
{
	struct fixture *f = arg;

	return ++f->drains; /* as many calls as it was asked */
}

static int listen_again(struct fixture *f, struct control **out)
{
	return control_new(&(struct control_config){ .loop = &f->loop,
						     .folder = f->folder,
						     .traces = f->traces,
						     .on_drain = on_drain,
						     .arg = f },
			   out);
}

static int make(struct fixture *f)
{
	int err;

	log_set_level(LOG_LEVEL_ERROR);
	*f = (struct fixture){ .folder = "/tmp/hookswitch-control-XXXXXX" };
	if (!mkdtemp(f->folder) || traces_new(clock_ms, NULL, &f->traces) != 0)
		return -EIO;
	snprintf(f->path, sizeof(f->path), "%s/control.sock", f->folder);
	uv_loop_init(&f->loop);
	err = listen_again(f, &f->control);
	traces_begin(f->traces, "7f3a0011");
	return err;
}

static void unmake(struct fixture *f)
{
	control_close(f->control);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&f->loop), 0);
	CHECK(access(f->path, F_OK) != 0); /* nothing is left behind */
	traces_free(f->traces);
	rmdir(f->folder);
}

static int connect_raw(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	str_copy(str_of(f->path), address.sun_path, sizeof(address.sun_path));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void turn(struct fixture *f, int times)
{
	for (int i = 0; i < times; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void say(int fd, struct str text)
{
	CHECK_EQ(send(fd, text.p, text.n, MSG_NOSIGNAL), text.n);
}

/* All there is to read now; -1: nothing, and still open. */
static ssize_t hear(int fd, char *mem, size_t cap)
{
	size_t n = 0;

	for (;;) {
		ssize_t got = recv(fd, mem + n, cap - 1 - n, 0);

		if (got < 0 && n == 0)
			return -1;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	mem[n] = '\0';
	return (ssize_t)n;
}

static ssize_t ask(struct fixture *f, struct str question, char *mem, size_t cap)
{
	int fd = connect_raw(f);
	ssize_t n;

	say(fd, question);
	turn(f, 5);
	n = hear(fd, mem, cap);
	close(fd);
	turn(f, 5);
	return n;
}

static void a_question_is_answered_with_the_ladder(void)
{
	struct fixture f;
	char mem[4096];

	REQUIRE(make(&f) == 0);
	CHECK(ask(&f, STR("trace last\n"), mem, sizeof(mem)) > 0);
	CHECK(strstr(mem, "call 7f3a0011 "));
	CHECK(ask(&f, STR("trace 7f3a\nmore"), mem, sizeof(mem)) > 0);
	CHECK(strstr(mem, "call 7f3a0011 "));
	unmake(&f);
}

static void what_is_not_known_is_closed_without_a_word(void)
{
	struct fixture f;
	char mem[4096];

	REQUIRE(make(&f) == 0);
	CHECK_EQ(ask(&f, STR("trace nobody\n"), mem, sizeof(mem)), 0);
	CHECK_EQ(ask(&f, STR("trace\n"), mem, sizeof(mem)), 0);
	CHECK_EQ(ask(&f, STR("\n"), mem, sizeof(mem)), 0);
	CHECK_EQ(ask(&f, STR("stop now\n"), mem, sizeof(mem)), 0);
	unmake(&f);
}

static void drain_is_passed_on_and_answered_with_the_calls_that_run(void)
{
	struct fixture f;
	char mem[4096];

	REQUIRE(make(&f) == 0);
	CHECK_EQ(ask(&f, STR("drain everything\n"), mem, sizeof(mem)), 0);
	CHECK_EQ(f.drains, 0);
	CHECK(ask(&f, STR("drain\n"), mem, sizeof(mem)) > 0);
	CHECK_STR(str_of(mem), "draining: 1 call running\n");
	CHECK(ask(&f, STR("drain\n"), mem, sizeof(mem)) > 0);
	CHECK_STR(str_of(mem), "draining: 2 calls running\n");
	unmake(&f);
}

static void a_line_may_come_in_pieces_but_not_without_end(void)
{
	struct fixture f;
	char mem[4096];
	int fd;

	REQUIRE(make(&f) == 0);
	fd = connect_raw(&f);
	say(fd, STR("trace la"));
	turn(&f, 3);
	CHECK_EQ(hear(fd, mem, sizeof(mem)), -1);
	say(fd, STR("st\n"));
	turn(&f, 3);
	CHECK(hear(fd, mem, sizeof(mem)) > 0);
	close(fd);

	fd = connect_raw(&f);
	memset(mem, 'x', sizeof(mem));
	send(fd, mem, CONTROL_MOST_LINE + 1, MSG_NOSIGNAL);
	turn(&f, 3);
	CHECK_EQ(hear(fd, mem, sizeof(mem)), 0);
	close(fd);
	unmake(&f);
}

static void only_its_owner_may_open_it(void)
{
	struct fixture f;
	struct stat st;
	mode_t before = umask(0);
	int err = make(&f);

	umask(before);
	REQUIRE(err == 0);
	CHECK(stat(f.path, &st) == 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	unmake(&f);
}

static void a_socket_left_by_a_dead_process_is_replaced(void)
{
	struct fixture f;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct control *second = NULL;
	char mem[4096];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	REQUIRE(make(&f) == 0);
	/* a living one is not */
	CHECK_EQ(listen_again(&f, &second), -EADDRINUSE);
	CHECK(!second);
	control_close(f.control);
	uv_run(&f.loop, UV_RUN_DEFAULT);

	str_copy(str_of(f.path), address.sun_path, sizeof(address.sun_path));
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	REQUIRE(listen_again(&f, &f.control) == 0);
	CHECK(ask(&f, STR("trace last\n"), mem, sizeof(mem)) > 0);
	unmake(&f);
}

static void a_file_of_that_name_is_left_alone(void)
{
	struct fixture f;
	struct control *control = NULL;
	int fd;

	REQUIRE(make(&f) == 0);
	control_close(f.control);
	uv_run(&f.loop, UV_RUN_DEFAULT);
	fd = open(f.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	CHECK_EQ(listen_again(&f, &control), -EEXIST);
	CHECK_EQ(unlink(f.path), 0);
	f.control = NULL;
	unmake(&f);
}

static void clients_beyond_the_limit_wait_for_their_turn(void)
{
	enum { ALL = CONTROL_MOST_CLIENTS + 3 };
	struct fixture f;
	char mem[4096];
	int fds[ALL];

	REQUIRE(make(&f) == 0);
	for (size_t i = 0; i < ALL; i++) {
		fds[i] = connect_raw(&f);
		turn(&f, 3);
	}
	for (size_t i = CONTROL_MOST_CLIENTS; i < ALL; i++)
		say(fds[i], STR("trace last\n"));
	turn(&f, 10);
	for (size_t i = CONTROL_MOST_CLIENTS; i < ALL; i++)
		CHECK_EQ(hear(fds[i], mem, sizeof(mem)), -1);
	for (size_t i = 0; i < CONTROL_MOST_CLIENTS; i++)
		close(fds[i]);
	turn(&f, 10);
	for (size_t i = CONTROL_MOST_CLIENTS; i < ALL; i++) {
		CHECK(hear(fds[i], mem, sizeof(mem)) > 0);
		close(fds[i]);
	}
	unmake(&f);
}

static void closing_ends_clients_too(void)
{
	struct fixture f;
	char mem[16];
	int fd;

	REQUIRE(make(&f) == 0);
	fd = connect_raw(&f);
	say(fd, STR("trace la"));
	turn(&f, 3);
	unmake(&f); /* its loop ends although the client says nothing more */
	CHECK_EQ(hear(fd, mem, sizeof(mem)), 0);
	close(fd);
}

static void a_client_that_does_nothing_is_closed_in_time(void)
{
	struct fixture f;
	char mem[16];
	uint64_t began;
	int fd;

	REQUIRE(make(&f) == 0);
	began = uv_now(&f.loop);
	fd = connect_raw(&f);
	turn(&f, 3);
	CHECK_EQ(hear(fd, mem, sizeof(mem)), -1);
	while (hear(fd, mem, sizeof(mem)) < 0 && uv_now(&f.loop) < began + 2 * CONTROL_TIMEOUT_MS)
		uv_run(&f.loop, UV_RUN_ONCE);
	CHECK(uv_now(&f.loop) < began + CONTROL_TIMEOUT_MS + 1000);
	close(fd);
	unmake(&f);
}

static void no_gateway_and_no_folder_are_told_apart_from_no_call(void)
{
	struct control *control = (struct control *)1;
	uv_loop_t loop;

	CHECK_EQ(control_ask("/nonexistent", "trace last"), -ECONNREFUSED);
	CHECK_EQ(control_ask("/nonexistent", "trace last\ntrace all"), -EINVAL);
	uv_loop_init(&loop);
	CHECK_EQ(control_new(&(struct control_config){ .loop = &loop }, &control), 0);
	CHECK(!control);
	control_close(NULL);
	uv_loop_close(&loop);
}

TESTS(a_question_is_answered_with_the_ladder, what_is_not_known_is_closed_without_a_word,
      drain_is_passed_on_and_answered_with_the_calls_that_run,
      a_line_may_come_in_pieces_but_not_without_end, only_its_owner_may_open_it,
      a_socket_left_by_a_dead_process_is_replaced, a_file_of_that_name_is_left_alone,
      clients_beyond_the_limit_wait_for_their_turn, closing_ends_clients_too,
      a_client_that_does_nothing_is_closed_in_time,
      no_gateway_and_no_folder_are_told_apart_from_no_call)
