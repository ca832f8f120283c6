// gzip as zlib makes it, behind a few functions. Imported by the module Compression alone.
#ifndef CZLIB_H
#define CZLIB_H

#include <stddef.h>

struct kz_stream;

enum { KZ_NONE = 0, KZ_FLUSH = 1, KZ_FINISH = 2 };

/// A gzip stream that takes about 2^(window+2) + 2^(memory+9) bytes; NULL without memory.
struct kz_stream *kz_new(int level, int window, int memory);
/// Makes it a new stream of this level, with the memory it has. 0, or below zero.
int kz_reset(struct kz_stream *stream, int level);
void kz_free(struct kz_stream *stream);

/// Takes what it can of `count` bytes and writes up to `room` bytes: `taken` and `made` say how many. 1 when the stream
/// has ended, 0 when not, below zero when it is broken.
int kz_deflate(
    struct kz_stream *stream, const void *bytes, size_t count, void *out, size_t room, int flush, size_t *taken,
    size_t *made);

#endif
