/* csv.c: see csv.h. */
#include "gateway/csv.h"

#include <errno.h>

void csv_init(struct csv *csv, char *text, size_t n)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t skipped = n >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;

	*csv = (struct csv){ .p = text + skipped, .n = n - skipped, .line = 1 };
}

static void skip(struct csv *csv, size_t n)
{
	for (size_t i = 0; i < n; i++)
		csv->line += csv->p[i] == '\n';
	csv->p += n;
	csv->n -= n;
}

/* The length of the line end that stands here; 0 if there is none. */
static size_t line_end(const struct csv *csv)
{
	if (csv->n >= 1 && csv->p[0] == '\n')
		return 1;
	if (csv->n >= 2 && csv->p[0] == '\r' && csv->p[1] == '\n')
		return 2;
	return 0;
}

static bool at_end(const struct csv *csv)
{
	return csv->n == 0 || line_end(csv);
}

/* Doubled quotes become one, moving the rest of the field towards its start. */
static const char *read_quoted(struct csv *csv, struct str *field)
{
	char *start = csv->p + 1;
	size_t n = 0, i = 1;

	for (;; i++) {
		if (i >= csv->n)
			return "a quoted field without its closing quote";
		if (csv->p[i] == '"') {
			if (i + 1 >= csv->n || csv->p[i + 1] != '"')
				break;
			i++;
		}
		csv->line += csv->p[i] == '\n';
		start[n++] = csv->p[i];
	}
	*field = (struct str){ start, n };
	csv->p += i + 1;
	csv->n -= i + 1;
	return NULL;
}

static const char *read_plain(struct csv *csv, struct str *field)
{
	size_t n = 0;

	while (n < csv->n && csv->p[n] != ',' && csv->p[n] != '\n' && csv->p[n] != '\r') {
		if (csv->p[n] == '"')
			return "a quote within a field that does not start with one";
		n++;
	}
	*field = (struct str){ csv->p, n };
	skip(csv, n);
	return NULL;
}

int csv_next(struct csv *csv, struct csv_record *record)
{
	while (line_end(csv))
		skip(csv, line_end(csv));
	if (csv->n == 0)
		return -ENOENT;
	record->line = csv->line;
	record->n = 0;
	for (;;) {
		if (record->n == record->cap) {
			record->why = "too many fields";
			return -EBADMSG;
		}
		struct str *field = &record->fields[record->n++];
		record->why = csv->n && csv->p[0] == '"' ? read_quoted(csv, field)
							 : read_plain(csv, field);
		if (!record->why && !at_end(csv) && csv->p[0] != ',')
			record->why = "expected a comma or the end of the line after a field";
		if (record->why)
			return -EBADMSG;
		if (at_end(csv)) {
			skip(csv, line_end(csv));
			return 0;
		}
		skip(csv, 1);
	}
}
