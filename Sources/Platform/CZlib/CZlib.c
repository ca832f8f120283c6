#include "CZlib.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

struct kz_stream {
    z_stream z;
};

struct kz_stream *kz_new(int level, int window, int memory) {
    struct kz_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) return NULL;
    // 16 more: the wrapper is gzip's (RFC 1952).
    if (deflateInit2(&stream->z, level, Z_DEFLATED, window + 16, memory, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

int kz_reset(struct kz_stream *stream, int level) {
    if (deflateReset(&stream->z) != Z_OK) return -1;
    // Nothing was put in yet, so there is nothing that this would have to write out.
    stream->z.next_in = Z_NULL;
    stream->z.avail_in = 0;
    stream->z.next_out = Z_NULL;
    stream->z.avail_out = 0;
    return deflateParams(&stream->z, level, Z_DEFAULT_STRATEGY) == Z_OK ? 0 : -1;
}

void kz_free(struct kz_stream *stream) {
    deflateEnd(&stream->z);
    free(stream);
}

int kz_deflate(
    struct kz_stream *stream, const void *bytes, size_t count, void *out, size_t room, int flush, size_t *taken,
    size_t *made) {
    static const int flushes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
    z_stream *z = &stream->z;
    const uInt in = count > INT_MAX ? INT_MAX : (uInt)count;
    const uInt free_room = room > INT_MAX ? INT_MAX : (uInt)room;
    z->next_in = (Bytef *)bytes;
    z->avail_in = in;
    z->next_out = out;
    z->avail_out = free_room;
    const int code = deflate(z, flushes[flush]);
    *taken = in - z->avail_in;
    *made = free_room - z->avail_out;
    // The memory is somebody else's after this call.
    z->next_in = Z_NULL;
    z->avail_in = 0;
    z->next_out = Z_NULL;
    z->avail_out = 0;
    if (code == Z_STREAM_END) return 1;
    // Nothing to do is no fault.
    return code == Z_OK || code == Z_BUF_ERROR ? 0 : -1;
}
