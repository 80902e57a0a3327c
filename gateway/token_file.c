/* token_file.c: see token_file.h. */
#include "gateway/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST_BYTES = 4096, MOST_PATH = 4096 };

static int write_all(int fd, struct str text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno != EINTR)
			return -errno;
		text = str_skip(text, n > 0 ? (size_t)n : 0);
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

/* Beside it first: a crash leaves the old one or the new one. */
static int save(const char *file, const struct token_keys *keys)
{
	char mem[MOST_BYTES], beside[MOST_PATH];
	struct str text;
	int err = token_keys_print(keys, mem, sizeof(mem), &text);

	if (err || snprintf(beside, sizeof(beside), "%s.new", file) >= (int)sizeof(beside))
		return err ? err : -ENAMETOOLONG;
	unlink(beside);
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text);
	close(fd);
	if (!err && rename(beside, file) != 0)
		err = -errno;
	if (err)
		unlink(beside);
	OPENSSL_cleanse(mem, sizeof(mem));
	return err;
}

static int read_file(const char *file, struct token_keys *keys)
{
	char mem[MOST_BYTES];
	size_t n = 0;
	ssize_t got = 0;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (n < sizeof(mem) && (got = read(fd, mem + n, sizeof(mem) - n)) > 0)
		n += (size_t)got;
	int err = got < 0 ? -errno : n == sizeof(mem) ? -EBADMSG : 0;
	close(fd);
	if (!err)
		err = token_keys_parse((struct str){ mem, n }, keys);
	OPENSSL_cleanse(mem, sizeof(mem));
	return err;
}

int token_file_rotate(const char *file, uint64_t now_s, struct token_keys *keys)
{
	uint8_t secret[TOKEN_SECRET];

	if (RAND_bytes(secret, sizeof(secret)) != 1)
		return -EIO;
	int err = token_keys_rotate(keys, now_s, secret) ? save(file, keys) : 0;
	OPENSSL_cleanse(secret, sizeof(secret));
	return err;
}

int token_file_load(const char *file, uint64_t now_s, struct token_keys *keys, char *why,
		    size_t why_bytes)
{
	struct token_keys read = { 0 };
	int err = read_file(file, &read);

	if (err == -ENOENT)
		err = RAND_bytes((unsigned char *)&read.gateway, sizeof(read.gateway)) == 1 ? 0
											    : -EIO;
	else if (err == -EBADMSG)
		snprintf(why, why_bytes, "%s: expected keys; without it new ones are made", file);
	else if (err)
		snprintf(why, why_bytes, "%s cannot be read: %s", file, strerror(-err));
	if (err)
		return err;
	err = token_file_rotate(file, now_s, &read);
	if (err) {
		snprintf(why, why_bytes, "%s cannot be written: %s", file, strerror(-err));
		return err;
	}
	*keys = read;
	return 0;
}
