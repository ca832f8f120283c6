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

int kc_password_make(const char *password, char *hash, int capacity) {
    struct crypt_data *data = calloc(1, sizeof *data);
    if (data == NULL) return -1;
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    int outcome = -1;
    if (crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof salt) != NULL) {
        const char *made = crypt_r(password, salt, data);
        if (made != NULL && made[0] == '$' && strlen(made) < (size_t)capacity) {
            memcpy(hash, made, strlen(made) + 1);
            outcome = 0;
        }
    }
    explicit_bzero(data, sizeof *data);
    free(data);
    return outcome;
}
