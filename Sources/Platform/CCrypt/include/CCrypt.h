// bcrypt as the system's libcrypt computes it, behind one function. Imported by the module Passwords alone.
#ifndef CCRYPT_H
#define CCRYPT_H

/// Whether `hash` was made of `password`: 1 or 0; -1 when there is no memory to find out. Takes as long as the hash
/// says (2^cost rounds), however wrong the password is. Both end with a zero byte. Any thread may call.
int kc_password_matches(const char *password, const char *hash);

#endif
