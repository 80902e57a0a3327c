/* Phones' contacts and the disk. */
#include "tests/gateway/registrar_bench.h"

#include <signal.h>
#include <sys/wait.h>

/* --- the database --- */

static void phones_survive_a_restart_and_pages_do_not(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE "Expires: 600\n" })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE "Expires: 600\n" })),
		 200);
	stop_once();
	start_again();
	CHECK_EQ(reachable("1000", bindings), 0); /* no flow can be opened */
	told.open_as = &udp;
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK_STR(bindings[0].contact, "sip:1000@198.51.100.7:5062");
	CHECK(bindings[0].flow == &udp.flow);
	CHECK_EQ(reachable("1000", bindings), 1);
	CHECK_EQ(told.opened, 1); /* once is enough */
	/* a removed one does not come back */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE "Expires: 0\n" })),
		 200);
	stop_once();
	start_again();
	told.open_as = &udp;
	CHECK_EQ(reachable("1000", bindings), 0);
	stop();
}

static void a_moved_phone_leaves_no_old_contact_behind(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp,
					     .headers = "Contact: <sip:1000@198.51.100.7:1>;"
							"+sip.instance=\"<urn:uuid:9>\"\n" })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp,
					     .headers = "Contact: <sip:1000@198.51.100.7:2>;"
							"+sip.instance=\"<urn:uuid:9>\"\n" })),
		 200);
	stop_once();
	start_again();
	told.open_as = &udp;
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK_STR(bindings[0].contact, "sip:1000@198.51.100.7:2");
	stop();
}

/* Somebody else holds the database: there is no 200 before it is written. */
static void a_phone_is_answered_after_the_commit(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	struct storage_db *db;
	char why[200];

	start();
	REQUIRE(storage_db_open(file, &db, why, sizeof(why)) == 0);
	CHECK_EQ(storage_db_begin(db), 0);
	CHECK(!ask_only((struct reg){ .flow = &udp, .headers = PHONE }));
	for (unsigned i = 0; i < 200; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	CHECK_EQ(fake_count(&udp, "SIP/2.0 200"), 0);
	CHECK_EQ(reachable("1000", bindings), 0);
	storage_db_rollback(db);
	storage_db_close(db);
	CHECK_EQ(status_of(answer(&udp)), 200);
	CHECK_EQ(reachable("1000", bindings), 1);
	stop();
}

/* kill -9 right after the 200 of the last of 100 REGISTERs: all are there. */
static void what_was_answered_survives_kill_9(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	int pipes[2], status = 0;
	unsigned done = 0;
	char byte;

	snprintf(folder, sizeof(folder), "/tmp/hookswitch-test-XXXXXX");
	REQUIRE(mkdtemp(folder) && pipe(pipes) == 0);
	snprintf(file, sizeof(file), "%s/test.db", folder);
	make_accounts();
	fflush(stdout);

	pid_t pid = fork();

	if (pid == 0) {
		char contact[128], user[16], password[16], to[64];

		start_again();
		for (unsigned i = 0; i < 100; i++) {
			unsigned number = 1000 + i;

			snprintf(user, sizeof(user), "%u", number);
			snprintf(password, sizeof(password), "pw%u", number);
			snprintf(to, sizeof(to), "sip:%u@hookswitch", number);
			snprintf(contact, sizeof(contact),
				 "Contact: <sip:%u@198.51.100.7>\nExpires: 3600\n", number);
			if (status_of(ask((struct reg){ .flow = &udp,
							.user = user,
							.password = password,
							.to = to,
							.headers = contact })) != 200)
				_exit(1);
			if (write(pipes[1], "x", 1) != 1)
				_exit(1);
		}
		pause();
		_exit(1);
	}
	close(pipes[1]);
	while (done < 100 && read(pipes[0], &byte, 1) == 1)
		done++;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(pipes[0]);
	CHECK_EQ(done, 100);
	CHECK(WIFSIGNALED(status));
	start_again();
	told.open_as = &udp;
	for (unsigned number = 1000; number < 1100; number++) {
		char user[16];

		snprintf(user, sizeof(user), "%u", number);
		CHECK_EQ(reachable(user, bindings), 1);
	}
	stop();
}

TESTS(phones_survive_a_restart_and_pages_do_not, a_moved_phone_leaves_no_old_contact_behind,
      a_phone_is_answered_after_the_commit, what_was_answered_survives_kill_9)
