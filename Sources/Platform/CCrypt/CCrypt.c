#define _GNU_SOURCE
#include "CCrypt.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

int kc_password_matches(const char *password, const char *hash) {
    // 32 KiB: too much for the stack of a thread that may be small.
    struct crypt_data *data = calloc(1, sizeof *data);
    if (data == NULL) return -1;
    const char *made = crypt_r(password, hash, data);
    const size_t count = strlen(hash);
    int matches = 0;
    if (made != NULL && strlen(made) == count) {
        // Every byte is looked at: where the first difference is stays unknown to a clock.
        unsigned char difference = 0;
        for (size_t place = 0; place < count; place++) {
            difference |= (unsigned char)made[place] ^ (unsigned char)hash[place];
        }
        matches = difference == 0;
    }
    explicit_bzero(data, sizeof *data);
    free(data);
    return matches;
}
