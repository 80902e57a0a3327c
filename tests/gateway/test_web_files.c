/* The index of static pages: what is in it, and that nothing else can be reached
 * by any name (CVE-like path traversal lists). */
#include "gateway/web_files.h"
#include "tests/check.h"
#include "tests/gateway/web_fixture.h"
#include "tests/oom.h"

#include <errno.h>

static struct web_files *files(void)
{
	static struct web_files *read;
	char why[256];

	if (!read)
		web_files_read(web_fixture()->root, &read, why, sizeof(why));
	return read;
}

static void pages_are_found_by_their_name(void)
{
	REQUIRE(files());
	const struct web_file *index = web_files_find(files(), STR("/index.html"));

	REQUIRE(index);
	CHECK_STR(str_of(index->type), "text/html; charset=utf-8");
	CHECK_STR(((struct str){ index->body, index->bytes }),
		  "<!doctype html><title>Hookswitch</title>");
	CHECK_EQ(str_of(index->etag).n, 34);
	CHECK(web_files_find(files(), STR("/")) == index);
	CHECK(web_files_find(files(), STR("/sub/index.html")) != NULL);
	CHECK(web_files_find(files(), STR("/sub/")) ==
	      web_files_find(files(), STR("/sub/index.html")));
	CHECK(web_files_find(files(), STR("/a b.txt")) != NULL);
	CHECK(web_files_find(files(), STR("/unknown.zzz")) != NULL);
}

static void a_link_within_the_root_is_followed(void)
{
	const struct web_file *file = web_files_find(files(), STR("/inside.js"));

	REQUIRE(file);
	CHECK_STR(((struct str){ file->body, file->bytes }), "export {};");
}

static void nothing_outside_can_be_named(void)
{
	static const char *const paths[] = {
		"",
		"index.html",
		"/..",
		"/../secret.txt",
		"/sub/../../secret.txt",
		"/%2e%2e/secret.txt",
		"/..%2fsecret.txt",
		"/..\\secret.txt",
		"//secret.txt",
		"/etc/passwd",
		"//etc/passwd",
		"/out.txt",
		"/out/secret.txt",
		"/out/",
		"/absolute.txt",
		"/.hidden",
		"/./.hidden",
		"/pipe",
		"/sub",
		"/./index.html",
		"/sub/./index.html",
		"/INDEX.HTML",
		"/index.html/",
		"/index.html?x",
		"file:///etc/passwd",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (web_files_find(files(), str_of(paths[i]))) {
			printf("  found: \"%s\"\n", paths[i]);
			check_failures++;
		}
	CHECK(!web_files_find(files(), (struct str){ "/index.html\0", 12 }));
	CHECK(!web_files_find(files(), (struct str){ "/index.html\0.js", 15 }));

	static char mem[100000];

	memset(mem, '/', sizeof(mem));
	CHECK(!web_files_find(files(), (struct str){ mem, sizeof(mem) }));
	CHECK(!web_files_find(files(), (struct str){ mem, WEB_FILE_MAX_PATH }));
}

static void types_go_by_extension(void)
{
	CHECK_STR(str_of(web_files_type(STR("/a.js"))), "text/javascript; charset=utf-8");
	CHECK_STR(str_of(web_files_type(STR("/a.min.JS"))), "text/javascript; charset=utf-8");
	CHECK_STR(str_of(web_files_type(STR("/a.svg"))), "image/svg+xml");
	CHECK_STR(str_of(web_files_type(STR("/a.wasm"))), "application/wasm");
	CHECK_STR(str_of(web_files_type(STR("/a"))), "application/octet-stream");
	CHECK_STR(str_of(web_files_type(STR("/a.js/b"))), "application/octet-stream");
	CHECK_STR(str_of(web_files_type(STR("/a.exe"))), "application/octet-stream");
}

static void a_missing_root_is_named(void)
{
	struct web_files *read = NULL;
	char why[256] = "";

	CHECK_EQ(web_files_read("/nonexistent/pages", &read, why, sizeof(why)), -ENOENT);
	CHECK(strstr(why, "/nonexistent/pages") != NULL);
	CHECK(read == NULL);
}

static int read_and_free(void)
{
	struct web_files *read;
	char why[256];
	int err = web_files_read(web_fixture()->root, &read, why, sizeof(why));

	if (!err)
		web_files_free(read);
	return err;
}

static void running_out_of_memory_is_survived(void)
{
	CHECK(oom_sweep("web_files_read", read_and_free) > 5);
}

TESTS(pages_are_found_by_their_name, a_link_within_the_root_is_followed,
      nothing_outside_can_be_named, types_go_by_extension, a_missing_root_is_named,
      running_out_of_memory_is_survived)
