/* web_files.c: see web_files.h. */
#include "gateway/web_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct web_files {
	struct web_file *list; /* sorted by path once read */
	size_t n, cap;
	size_t bytes;
};

static const struct {
	const char *extension, *type;
} types[] = {
	{ "css", "text/css; charset=utf-8" },
	{ "gif", "image/gif" },
	{ "htm", "text/html; charset=utf-8" },
	{ "html", "text/html; charset=utf-8" },
	{ "ico", "image/vnd.microsoft.icon" },
	{ "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" },
	{ "js", "text/javascript; charset=utf-8" },
	{ "json", "application/json" },
	{ "map", "application/json" },
	{ "mjs", "text/javascript; charset=utf-8" },
	{ "mp3", "audio/mpeg" },
	{ "ogg", "audio/ogg" },
	{ "png", "image/png" },
	{ "svg", "image/svg+xml" },
	{ "txt", "text/plain; charset=utf-8" },
	{ "wasm", "application/wasm" },
	{ "wav", "audio/wav" },
	{ "webmanifest", "application/manifest+json" },
	{ "webp", "image/webp" },
	{ "woff", "font/woff" },
	{ "woff2", "font/woff2" },
};

const char *web_files_type(struct str path)
{
	for (size_t i = path.n; i > 0 && path.p[i - 1] != '/'; i--) {
		if (path.p[i - 1] != '.')
			continue;
		for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++)
			if (str_ieq(str_skip(path, i), str_of(types[k].extension)))
				return types[k].type;
		break;
	}
	return "application/octet-stream";
}

static int compare(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : a.n < b.n ? -1 : a.n > b.n;
}

static int by_path(const void *a, const void *b)
{
	return compare(str_of(((const struct web_file *)a)->path),
		       str_of(((const struct web_file *)b)->path));
}

const struct web_file *web_files_find(const struct web_files *files, struct str path)
{
	char mem[WEB_FILE_MAX_PATH + 16];
	size_t low = 0, high = files ? files->n : 0;

	if (path.n == 0 || path.n > WEB_FILE_MAX_PATH || path.p[0] != '/')
		return NULL;
	if (path.p[path.n - 1] == '/') {
		struct str index = STR("index.html");

		memcpy(mem, path.p, path.n);
		memcpy(mem + path.n, index.p, index.n);
		path = (struct str){ mem, path.n + index.n };
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(path, str_of(files->list[middle].path));

		if (order == 0)
			return &files->list[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static int make_etag(struct web_file *file)
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	if (!EVP_Digest(file->body, file->bytes, hash, NULL, EVP_sha256(), NULL))
		return -ENOMEM;
	file->etag[0] = '"';
	for (size_t i = 0; i < 16; i++)
		snprintf(file->etag + 1 + 2 * i, 3, "%02x", hash[i]);
	file->etag[33] = '"';
	file->etag[34] = '\0';
	return 0;
}

/* Takes the open file into the index; `path` begins with a slash. */
static int add(struct web_files *files, int fd, const struct stat *st, const char *path)
{
	struct web_file file = { 0 };
	int err = -ENOMEM;

	if (files->n >= WEB_FILES_MAX || st->st_size > WEB_FILE_MAX_BYTES ||
	    files->bytes + (size_t)st->st_size > WEB_FILES_MAX_BYTES)
		return -EMSGSIZE;
	if (files->n == files->cap) {
		size_t cap = files->cap ? 2 * files->cap : 16;
		struct web_file *list = realloc(files->list, cap * sizeof(*list));

		if (!list)
			return -ENOMEM;
		files->list = list;
		files->cap = cap;
	}
	file.path = str_dup(str_of(path));
	file.body = malloc((size_t)st->st_size + 1);
	if (!file.path || !file.body)
		goto out;
	while (file.bytes < (size_t)st->st_size) {
		ssize_t n = read(fd, file.body + file.bytes, (size_t)st->st_size - file.bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err = -errno;
			goto out;
		}
		if (n == 0)
			break;
		file.bytes += (size_t)n;
	}
	file.type = web_files_type(str_of(path));
	err = make_etag(&file);
	if (err)
		goto out;
	files->bytes += file.bytes;
	files->list[files->n++] = file;
	return 0;
out:
	free(file.path);
	free(file.body);
	return err;
}

/* Opens an entry of the tree, which must not lead out of the root. A kernel
 * without openat2() gets no symbolic links at all. */
static int open_beneath(int root, const char *relative)
{
	struct open_how how = { .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, root, relative, &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS)
		fd = openat(root, relative, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	return (int)fd;
}

struct folder {
	struct folder *next;
	unsigned depth;
	char path[]; /* relative to the root, "" for the root itself */
};

static int push(struct folder **todo, const char *path, unsigned depth)
{
	size_t n = strlen(path) + 1;
	struct folder *folder = malloc(sizeof(*folder) + n);

	if (!folder)
		return -ENOMEM;
	memcpy(folder->path, path, n);
	folder->depth = depth;
	folder->next = *todo;
	*todo = folder;
	return 0;
}

static int read_entry(struct web_files *files, int root, const struct folder *folder,
		      const char *name, struct folder **todo, char *where, size_t where_bytes)
{
	struct stat link, st;
	int err = 0;
	int n = snprintf(where, where_bytes, "/%s%s%s", folder->path, *folder->path ? "/" : "",
			 name);

	if (n < 0 || (size_t)n > WEB_FILE_MAX_PATH)
		return -EMSGSIZE;
	if (fstatat(root, where + 1, &link, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(link.st_mode))
		return folder->depth >= WEB_FILES_MAX_DEPTH
			       ? -EMSGSIZE
			       : push(todo, where + 1, folder->depth + 1);
	if (!S_ISREG(link.st_mode) && !S_ISLNK(link.st_mode))
		return 0;

	int fd = open_beneath(root, where + 1);

	if (fd < 0)
		return S_ISLNK(link.st_mode) ? 0 : -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (S_ISREG(st.st_mode))
		err = add(files, fd, &st, where);
	close(fd);
	return err;
}

static int read_folder(struct web_files *files, int root, const struct folder *folder,
		       struct folder **todo, char *where, size_t where_bytes)
{
	int err = 0;
	int fd = openat(root, *folder->path ? folder->path : ".",
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir) {
		err = -errno;
		snprintf(where, where_bytes, "/%s", folder->path);
		if (fd >= 0)
			close(fd);
		return err;
	}
	for (struct dirent *entry; err == 0 && (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			err = read_entry(files, root, folder, entry->d_name, todo, where,
					 where_bytes);
	closedir(dir);
	return err;
}

int web_files_read(const char *root, struct web_files **out, char *why, size_t why_bytes)
{
	char where[WEB_FILE_MAX_PATH + 512] = "";
	struct web_files *files = calloc(1, sizeof(*files));
	struct folder *todo = NULL;
	int err = files ? push(&todo, "", 0) : -ENOMEM;
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		err = -errno;
	while (todo) {
		struct folder *folder = todo;

		todo = folder->next;
		if (!err)
			err = read_folder(files, fd, folder, &todo, where, sizeof(where));
		free(folder);
	}
	if (fd >= 0)
		close(fd);
	if (err) {
		snprintf(why, why_bytes, "cannot read the pages in %s%s: %s", root, where,
			 strerror(-err));
		web_files_free(files);
		return err;
	}
	if (files->n)
		qsort(files->list, files->n, sizeof(files->list[0]), by_path);
	*out = files;
	return 0;
}

void web_files_free(struct web_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->n; i++) {
		free(files->list[i].path);
		free(files->list[i].body);
	}
	free(files->list);
	free(files);
}
