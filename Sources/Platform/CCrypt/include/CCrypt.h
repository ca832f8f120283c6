// Hashes of passwords as the system's libcrypt computes them. Imported by the module Passwords alone.
#ifndef CCRYPT_H
#define CCRYPT_H

/// Whether `hash` was made of `password`: 1 or 0; -1 when there is no memory to find out. Takes as long as the hash
/// says (2^cost rounds), however wrong the password is. Both end with a zero byte. Any thread may call.
int kc_password_matches(const char *password, const char *hash);

/// Writes a yescrypt hash of `password`, with salt from the system, and its zero byte to `hash`, which has room for
/// `capacity` bytes (at least 384). 0; -1 when there is no memory, no randomness, or no yescrypt. Takes about 16 MiB and
/// some 20 ms. Any thread may call.
int kc_password_make(const char *password, char *hash, int capacity);

#endif
